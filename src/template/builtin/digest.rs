//! `hash` and `hmac` of airbyte-cdk 7.39.1 (`filters.py`).

use hmac::{Hmac, KeyInit as _, Mac as _};
use md5::Digest as _;

use super::Filter;
use crate::template::error::{Eval, Fault};
use crate::template::eval::{Args, Machine};
use crate::template::python::repr;
use crate::template::value::TValue;

pub(super) const FILTERS: &[Filter] = &[
    Filter {
        name: "hash",
        call: hash,
    },
    Filter {
        name: "hmac",
        call: hmac,
    },
];

fn hex(bytes: &[u8]) -> TValue {
    TValue::from(bytes.iter().map(|b| format!("{b:02x}")).collect::<String>())
}

fn hash(_: &mut Machine<'_>, value: TValue, args: Args) -> Eval<TValue> {
    let [kind, salt] = args.bind("hash", ["hash_type", "salt"], 0)?;
    let kind = kind.unwrap_or_else(|| TValue::str("md5"));
    let kind = kind
        .as_str()
        .ok_or_else(|| Fault::types("attribute name must be string"))?;
    let mut message = repr::to_str(&value);
    if let Some(salt) = salt.filter(TValue::truth) {
        repr::write_str(&mut message, &salt);
    }
    let message = message.as_bytes();
    Ok(match kind {
        "md5" => hex(&md5::Md5::digest(message)),
        "sha1" => hex(&sha1::Sha1::digest(message)),
        "sha224" => hex(&sha2::Sha224::digest(message)),
        "sha256" => hex(&sha2::Sha256::digest(message)),
        "sha384" => hex(&sha2::Sha384::digest(message)),
        "sha512" => hex(&sha2::Sha512::digest(message)),
        // Differs: Python's `hashlib` has some more (`blake2b`, `sha3_256`, …).
        other => {
            return Err(Fault::other(format!("no hashing function named {other}")));
        }
    })
}

fn hmac(_: &mut Machine<'_>, value: TValue, args: Args) -> Eval<TValue> {
    let [key, kind] = args.bind("hmac", ["key", "hash_type"], 1)?;
    if let Some(kind) = kind
        && kind.as_str() != Some("sha256")
    {
        return Err(Fault::other(format!(
            "hash type `{}` is not allowed, only `sha256` is",
            repr::to_str(&kind)
        )));
    }
    let key = repr::to_str(&key.unwrap_or_default());
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(key.as_bytes())
        .map_err(|_| Fault::other("the key is not valid"))?;
    mac.update(repr::to_str(&value).as_bytes());
    Ok(hex(&mac.finalize().into_bytes()))
}
