//! Signatures of JSON Web Tokens.

use hmac::{Hmac, KeyInit, Mac};
use pkcs8::DecodePrivateKey as _;
use ring::rand::SystemRandom;
use ring::signature::{self, Ed25519KeyPair, RsaEncoding, RsaKeyPair};
use schemars::JsonSchema;
use serde::Deserialize;
use sha2::{Sha256, Sha384, Sha512};

use super::pem::PrivateKey;

/// How a token is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
pub(super) enum JwtAlgorithm {
    /// HMAC with SHA-256.
    HS256,
    /// HMAC with SHA-384.
    HS384,
    /// HMAC with SHA-512.
    HS512,
    /// ECDSA on P-256 with SHA-256.
    ES256,
    /// ECDSA on secp256k1 with SHA-256.
    ES256K,
    /// ECDSA on P-384 with SHA-384.
    ES384,
    /// ECDSA on P-521 with SHA-512.
    ES512,
    /// RSA of PKCS #1 v1.5 with SHA-256.
    RS256,
    /// RSA of PKCS #1 v1.5 with SHA-384.
    RS384,
    /// RSA of PKCS #1 v1.5 with SHA-512.
    RS512,
    /// RSA-PSS with SHA-256.
    PS256,
    /// RSA-PSS with SHA-384.
    PS384,
    /// RSA-PSS with SHA-512.
    PS512,
    /// Ed25519.
    EdDSA,
}

/// A private key of an elliptic curve, and its signature of a message: r and s one after the other.
macro_rules! elliptic {
    ($curve:ident, $name:literal, $key:expr, $message:expr) => {{
        use $curve::ecdsa::{Signature, SigningKey, signature::Signer as _};
        let secret = match $key {
            PrivateKey::Pkcs8(der) => $curve::SecretKey::from_pkcs8_der(der).ok(),
            PrivateKey::Sec1(der) => $curve::SecretKey::from_sec1_der(der).ok(),
            PrivateKey::Pkcs1(_) => None,
        };
        let secret = secret.ok_or(concat!("expected a private key of the curve ", $name))?;
        let signature: Signature = SigningKey::from(secret).sign($message);
        Ok(signature.to_bytes().to_vec())
    }};
}

impl JwtAlgorithm {
    /// Name in the token's header.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::HS256 => "HS256",
            Self::HS384 => "HS384",
            Self::HS512 => "HS512",
            Self::ES256 => "ES256",
            Self::ES256K => "ES256K",
            Self::ES384 => "ES384",
            Self::ES512 => "ES512",
            Self::RS256 => "RS256",
            Self::RS384 => "RS384",
            Self::RS512 => "RS512",
            Self::PS256 => "PS256",
            Self::PS384 => "PS384",
            Self::PS512 => "PS512",
            Self::EdDSA => "EdDSA",
        }
    }

    /// The signature of `message`; the error says what is wrong with the key.
    pub(super) fn sign(
        self,
        message: &[u8],
        key: &str,
        passphrase: &str,
    ) -> Result<Vec<u8>, String> {
        let private = || PrivateKey::read(key, passphrase);
        match self {
            Self::HS256 => keyed::<Hmac<Sha256>>(key, message),
            Self::HS384 => keyed::<Hmac<Sha384>>(key, message),
            Self::HS512 => keyed::<Hmac<Sha512>>(key, message),
            Self::RS256 => rsa(&signature::RSA_PKCS1_SHA256, &private()?, message),
            Self::RS384 => rsa(&signature::RSA_PKCS1_SHA384, &private()?, message),
            Self::RS512 => rsa(&signature::RSA_PKCS1_SHA512, &private()?, message),
            Self::PS256 => rsa(&signature::RSA_PSS_SHA256, &private()?, message),
            Self::PS384 => rsa(&signature::RSA_PSS_SHA384, &private()?, message),
            Self::PS512 => rsa(&signature::RSA_PSS_SHA512, &private()?, message),
            Self::ES256 => elliptic!(p256, "P-256", &private()?, message),
            Self::ES256K => elliptic!(k256, "secp256k1", &private()?, message),
            Self::ES384 => elliptic!(p384, "P-384", &private()?, message),
            Self::ES512 => elliptic!(p521, "P-521", &private()?, message),
            Self::EdDSA => edwards(&private()?, message),
        }
    }
}

fn keyed<M: Mac + KeyInit>(key: &str, message: &[u8]) -> Result<Vec<u8>, String> {
    if key.is_empty() {
        return Err("`secret_key` is empty".to_owned());
    }
    // What is made to be public must not become a secret: RFC 8725 section 2.1.
    if key.contains("-----BEGIN ") || key.starts_with("ssh-") {
        return Err("expected a shared secret, found a key of another algorithm".to_owned());
    }
    let mac = <M as KeyInit>::new_from_slice(key.as_bytes()).map_err(|error| error.to_string())?;
    Ok(mac.chain_update(message).finalize().into_bytes().to_vec())
}

fn rsa(
    encoding: &'static dyn RsaEncoding,
    key: &PrivateKey,
    message: &[u8],
) -> Result<Vec<u8>, String> {
    let pair = match key {
        PrivateKey::Pkcs8(der) => RsaKeyPair::from_pkcs8(der),
        PrivateKey::Pkcs1(der) => RsaKeyPair::from_der(der),
        PrivateKey::Sec1(_) => return Err("expected a private RSA key".to_owned()),
    };
    // RFC 7518 section 3.3 wants 2048 bits.
    let pair = pair.map_err(|why| {
        format!("expected a private RSA key of 2048 bits at least, which this is not: {why}")
    })?;
    let mut signed = vec![0; pair.public().modulus_len()];
    let random = SystemRandom::new();
    pair.sign(encoding, &random, message, &mut signed)
        .map_err(|_| "the private RSA key cannot sign".to_owned())?;
    Ok(signed)
}

/// The object identifier of Ed448, 1.3.101.113, as it stands in a key.
const ED448: &[u8] = &[0x06, 0x03, 0x2b, 0x65, 0x71];

fn edwards(key: &PrivateKey, message: &[u8]) -> Result<Vec<u8>, String> {
    let PrivateKey::Pkcs8(der) = key else {
        return Err("expected a private key of Ed25519".to_owned());
    };
    // No released library signs with the other curve of RFC 8410 section 3.
    let is_ed448 = || der.windows(ED448.len()).take(16).any(|at| at == ED448);
    let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der).map_err(|_| {
        if is_ed448() {
            "found a private key of Ed448, which this program cannot sign with: expected one of Ed25519"
        } else {
            "expected a private key of Ed25519"
        }
    })?;
    Ok(pair.sign(message).as_ref().to_vec())
}

#[cfg(test)]
mod tests {
    use ring::signature::{RSA_PSS_2048_8192_SHA256, UnparsedPublicKey, VerificationAlgorithm};

    use super::*;

    /// Whether the other half of the key takes the signature for its own.
    fn holds(
        parameters: &'static dyn VerificationAlgorithm,
        public: &[u8],
        signature: &[u8],
    ) -> bool {
        UnparsedPublicKey::new(parameters, public)
            .verify(b"message", signature)
            .is_ok()
    }

    #[test]
    fn curves_sign_with_numbers_of_a_fixed_size() {
        macro_rules! check {
            ($algorithm:ident, $curve:ident, $file:literal, $length:literal) => {{
                use $curve::ecdsa::{Signature, VerifyingKey, signature::Verifier as _};
                let pem = include_str!(concat!("../../../tests/support/keys/", $file));
                let signed = JwtAlgorithm::$algorithm.sign(b"message", pem, "").unwrap();
                assert_eq!(signed.len(), $length);
                let secret = match PrivateKey::read(pem, "").unwrap() {
                    PrivateKey::Pkcs8(der) => $curve::SecretKey::from_pkcs8_der(&der).unwrap(),
                    PrivateKey::Sec1(der) => $curve::SecretKey::from_sec1_der(&der).unwrap(),
                    PrivateKey::Pkcs1(_) => panic!("no curve"),
                };
                let public = VerifyingKey::from(secret.public_key());
                let signature = Signature::from_slice(&signed).unwrap();
                public.verify(b"message", &signature).unwrap();
            }};
        }
        check!(ES256, p256, "p256.pem", 64);
        check!(ES256, p256, "p256_sec1.pem", 64);
        check!(ES256K, k256, "secp256k1.pem", 64);
        check!(ES384, p384, "p384.pem", 96);
        check!(ES512, p521, "p521.pem", 132);
    }

    #[test]
    fn rsa_signs_with_and_without_salt() {
        let pem = include_str!("../../../tests/support/keys/rsa_pkcs1.pem");
        let PrivateKey::Pkcs1(der) = PrivateKey::read(pem, "").unwrap() else {
            panic!("not an RSA key");
        };
        let pair = RsaKeyPair::from_der(&der).unwrap();
        let public = pair.public().as_ref();
        let salted = JwtAlgorithm::PS256.sign(b"message", pem, "").unwrap();
        assert!(holds(&RSA_PSS_2048_8192_SHA256, public, &salted));
        let plain = JwtAlgorithm::RS256.sign(b"message", pem, "").unwrap();
        assert!(holds(
            &signature::RSA_PKCS1_2048_8192_SHA256,
            public,
            &plain
        ));
    }
}
