//! Private keys as PEM texts, which a passphrase may protect.

use aes::{Aes128, Aes192, Aes256};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cbc::Decryptor;
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockModeDecrypt, KeyIvInit};
use des::TdesEde3;
use md5::{Digest as _, Md5};
use pkcs8::EncryptedPrivateKeyInfoRef;

/// A private key in one of the forms that PEM texts have.
pub(super) enum PrivateKey {
    /// Of any kind: RFC 5208.
    Pkcs8(Vec<u8>),
    /// Of an RSA key: RFC 8017.
    Pkcs1(Vec<u8>),
    /// Of an elliptic curve: RFC 5915.
    Sec1(Vec<u8>),
}

impl PrivateKey {
    /// Reads a PEM text; the error says what is wrong with it.
    pub(super) fn read(text: &str, passphrase: &str) -> Result<Self, String> {
        let text = text.replace("\r\n", "\n");
        let (label, body) = section(&text).ok_or("expected a private key in the form of PEM")?;
        let (headers, body) = match body.split_once("\n\n") {
            Some((headers, body)) if headers.contains(':') => (headers, body),
            _ => ("", body),
        };
        let body: String = body.split_whitespace().collect();
        let der = STANDARD.decode(body).map_err(|error| error.to_string())?;
        if label == "ENCRYPTED PRIVATE KEY" {
            if passphrase.is_empty() {
                return Err("the private key needs a `passphrase`".to_owned());
            }
            let key = EncryptedPrivateKeyInfoRef::try_from(der.as_slice())
                .and_then(|info| info.decrypt(passphrase));
            // Which of both is wrong cannot be told.
            let key = key.map_err(|_| "the `passphrase` does not fit the private key")?;
            return Ok(Self::Pkcs8(key.as_bytes().to_vec()));
        }
        let der = match header(headers, "DEK-Info") {
            Some(_) if passphrase.is_empty() => {
                return Err("the private key needs a `passphrase`".to_owned());
            }
            Some(info) => decrypted(info, &der, passphrase.as_bytes())?,
            None if !passphrase.is_empty() => {
                return Err("a `passphrase` is given, but the private key needs none".to_owned());
            }
            None => der,
        };
        match label {
            "PRIVATE KEY" => Ok(Self::Pkcs8(der)),
            "RSA PRIVATE KEY" => Ok(Self::Pkcs1(der)),
            "EC PRIVATE KEY" => Ok(Self::Sec1(der)),
            other => Err(format!(
                "expected a private key, found a PEM text of `{other}`"
            )),
        }
    }
}

/// Label and body of the first part of a PEM text, parameters of curves left out.
fn section(text: &str) -> Option<(&str, &str)> {
    let (_, text) = text.split_once("-----BEGIN ")?;
    let (label, rest) = text.split_once("-----")?;
    let (body, rest) = rest.split_once("-----END ")?;
    if label == "EC PARAMETERS" {
        return section(rest);
    }
    Some((label, body.trim()))
}

fn header<'a>(headers: &'a str, name: &str) -> Option<&'a str> {
    let mut lines = headers.lines().filter_map(|line| line.split_once(':'));
    lines.find_map(|(key, value)| (key.trim() == name).then_some(value.trim()))
}

/// The key of RFC 1421 section 4.6.1.1, as OpenSSL's `EVP_BytesToKey` makes its cipher's key.
fn decrypted(info: &str, der: &[u8], passphrase: &[u8]) -> Result<Vec<u8>, String> {
    let (cipher, iv) = info.split_once(',').unwrap_or((info, ""));
    let iv = bytes(iv.trim()).ok_or("the `DEK-Info` of the private key cannot be read")?;
    let salt = iv
        .get(..8)
        .ok_or("the `DEK-Info` of the private key cannot be read")?;
    let mut material = Vec::new();
    let mut last = Vec::new();
    while material.len() < 32 {
        let digest = Md5::new().chain_update(&last).chain_update(passphrase);
        last = digest.chain_update(salt).finalize().to_vec();
        material.extend_from_slice(&last);
    }
    let plain = match cipher.trim() {
        "AES-128-CBC" => open::<Decryptor<Aes128>>(&material, 16, &iv, der),
        "AES-192-CBC" => open::<Decryptor<Aes192>>(&material, 24, &iv, der),
        "AES-256-CBC" => open::<Decryptor<Aes256>>(&material, 32, &iv, der),
        "DES-EDE3-CBC" => open::<Decryptor<TdesEde3>>(&material, 24, &iv, der),
        other => {
            return Err(format!(
                "the private key is encrypted by `{other}`, which is not known"
            ));
        }
    };
    plain.ok_or_else(|| "the `passphrase` does not fit the private key".to_owned())
}

fn open<D: KeyIvInit + BlockModeDecrypt>(
    material: &[u8],
    length: usize,
    iv: &[u8],
    der: &[u8],
) -> Option<Vec<u8>> {
    let cipher = D::new_from_slices(material.get(..length)?, iv).ok()?;
    cipher.decrypt_padded_vec::<Pkcs7>(der).ok()
}

fn bytes(hex: &str) -> Option<Vec<u8>> {
    let digits = hex.as_bytes().chunks(2);
    let pairs = digits.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok());
    pairs.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn der(text: &str, passphrase: &str) -> Result<Vec<u8>, String> {
        PrivateKey::read(text, passphrase).map(|key| match key {
            PrivateKey::Pkcs8(der) | PrivateKey::Pkcs1(der) | PrivateKey::Sec1(der) => der,
        })
    }

    #[test]
    fn a_passphrase_opens_a_key() {
        let open = |text: &str| der(text, "open sesame").unwrap();
        let rsa = der(include_str!("../../../tests/support/keys/rsa.pem"), "").unwrap();
        let encrypted = include_str!("../../../tests/support/keys/rsa_encrypted.pem");
        assert_eq!(open(encrypted), rsa);
        assert_eq!(open(&encrypted.replace('\n', "\r\n")), rsa);
        let pkcs1 = der(
            include_str!("../../../tests/support/keys/rsa_pkcs1.pem"),
            "",
        )
        .unwrap();
        let encrypted = include_str!("../../../tests/support/keys/rsa_pkcs1_encrypted.pem");
        assert_eq!(open(encrypted), pkcs1);
        let sec1 = der(
            include_str!("../../../tests/support/keys/p256_sec1.pem"),
            "",
        )
        .unwrap();
        let encrypted = include_str!("../../../tests/support/keys/p256_sec1_encrypted.pem");
        assert_eq!(open(encrypted), sec1);
        let pkcs8 = der(include_str!("../../../tests/support/keys/p256.pem"), "").unwrap();
        let encrypted = include_str!("../../../tests/support/keys/p256_des3.pem");
        assert_eq!(open(encrypted), pkcs8);
    }

    #[test]
    fn what_is_wrong_with_a_key_is_told() {
        let encrypted = include_str!("../../../tests/support/keys/rsa_encrypted.pem");
        let traditional = include_str!("../../../tests/support/keys/rsa_pkcs1_encrypted.pem");
        for text in [encrypted, traditional] {
            let complaint = der(text, "wrong").unwrap_err();
            assert!(complaint.contains("does not fit"), "{complaint}");
            let complaint = der(text, "").unwrap_err();
            assert!(complaint.contains("needs a `passphrase`"), "{complaint}");
        }
        for (text, complaint) in [
            ("", "expected a private key"),
            (
                "-----BEGIN PRIVATE KEY-----\n!\n-----END PRIVATE KEY-----",
                "Invalid",
            ),
            (
                "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----",
                "`PUBLIC KEY`",
            ),
            (
                "-----BEGIN RSA PRIVATE KEY-----\nDEK-Info: AES-256-CBC,zz\n\nAAAA\n-----END RSA PRIVATE KEY-----",
                "`DEK-Info`",
            ),
        ] {
            let error = der(text, if text.contains("DEK") { "x" } else { "" }).unwrap_err();
            assert!(error.contains(complaint), "{error}");
        }
    }
}
