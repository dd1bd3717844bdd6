//! Natives of key pairs: ECDSA and ECDH over the curve P-256, and the verification of RSA's signatures.

use num_bigint::BigUint;
use p256::ecdsa::signature::hazmat::{PrehashSigner, PrehashVerifier};
use p256::ecdsa::{Signature, SigningKey, VerifyingKey};
use p256::elliptic_curve::point::AffineCoordinates;
use p256::elliptic_curve::sec1::ToSec1Point;
use p256::pkcs8::der::asn1::UintRef;
use p256::pkcs8::der::{Decode, Reader, SliceReader};
use p256::pkcs8::spki::SubjectPublicKeyInfoRef;
use p256::pkcs8::{DecodePrivateKey, DecodePublicKey, EncodePrivateKey, EncodePublicKey};
use p256::{PublicKey, SecretKey};
use rquickjs::Array;

use super::Natives;
use super::web::{bytes, give_bytes};
use crate::error::{Error, ErrorCode, Result};
use crate::guest::web;

/// The most bits of a modulus, and of an exponent, that a signature is verified with.
const MODULUS_BITS: u64 = 8_192;
const EXPONENT_BITS: u64 = 33;

fn bad_key() -> Error {
    Error::named(ErrorCode::InvalidArgument, "DataError", "The data is no key of this algorithm.")
}

/// What the bytes of a key are read as; anything else is no key.
macro_rules! key {
    ($read:expr) => {
        $read.map_err(|_| bad_key())?
    };
}

pub(super) fn register(natives: &mut Natives) {
    // A private key is its 32 bytes, a public one its point, uncompressed.
    natives.add(c"p256_generate", |call| {
        loop {
            if let Ok(key) = SecretKey::from_slice(&web::random(32)?) {
                return give_bytes(call, &key.to_bytes());
            }
        }
    });
    natives.add(c"p256_public", |call| {
        let key = key!(SecretKey::from_slice(&bytes(call, 0)?));
        give_bytes(call, &point(&key.public_key()))
    });
    natives.add(c"p256_point", |call| {
        let key = key!(PublicKey::from_sec1_bytes(&bytes(call, 0)?));
        give_bytes(call, &point(&key))
    });
    natives.add(c"p256_of_pkcs8", |call| {
        let key = key!(SecretKey::from_pkcs8_der(&bytes(call, 0)?));
        give_bytes(call, &key.to_bytes())
    });
    natives.add(c"p256_to_pkcs8", |call| {
        let key = key!(SecretKey::from_slice(&bytes(call, 0)?));
        give_bytes(call, key!(key.to_pkcs8_der()).as_bytes())
    });
    natives.add(c"p256_of_spki", |call| {
        let key = key!(PublicKey::from_public_key_der(&bytes(call, 0)?));
        give_bytes(call, &point(&key))
    });
    natives.add(c"p256_to_spki", |call| {
        let key = key!(PublicKey::from_sec1_bytes(&bytes(call, 0)?));
        give_bytes(call, key!(key.to_public_key_der()).as_bytes())
    });
    natives.add(c"p256_sign", |call| {
        let key = key!(SigningKey::from_slice(&bytes(call, 0)?));
        let signature: Signature = key!(key.sign_prehash(&bytes(call, 1)?));
        give_bytes(call, &signature.to_bytes())
    });
    natives.add(c"p256_verify", |call| {
        let key = key!(VerifyingKey::from_sec1_bytes(&bytes(call, 0)?));
        let (signature, digest) = (Signature::from_slice(&bytes(call, 1)?), bytes(call, 2)?);
        call.give_bool(signature.is_ok_and(|known| key.verify_prehash(&digest, &known).is_ok()))
    });
    natives.add(c"p256_shared", |call| {
        let key = key!(SecretKey::from_slice(&bytes(call, 0)?));
        let other = key!(PublicKey::from_sec1_bytes(&bytes(call, 1)?));
        let shared = (other.to_projective() * *key.to_nonzero_scalar()).to_affine();
        give_bytes(call, &shared.x())
    });
    natives.add(c"rsa_of_spki", |call| {
        let (modulus, exponent) = rsa_of_spki(&bytes(call, 0)?).ok_or_else(bad_key)?;
        let pair = Array::new(call.ctx.clone())?;
        pair.set(0, give_bytes(call, &modulus)?)?;
        pair.set(1, give_bytes(call, &exponent)?)?;
        Ok(pair.into_value())
    });
    natives.add(c"rsa_verify", |call| {
        let (modulus, exponent) = (bytes(call, 0)?, bytes(call, 1)?);
        let (signature, prefix, digest) = (bytes(call, 2)?, bytes(call, 3)?, bytes(call, 4)?);
        let signed = rsa_signed(&modulus, &exponent, &signature)?;
        call.give_bool(signed.is_some_and(|signed| is_padded(&signed, &[prefix, digest].concat())))
    });
}

fn point(key: &PublicKey) -> Vec<u8> {
    key.to_sec1_point(false).as_bytes().to_vec()
}

/// The modulus and the exponent of a public key of RSA.
fn rsa_of_spki(der: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let info = SubjectPublicKeyInfoRef::from_der(der).ok()?;
    let mut reader = SliceReader::new(info.subject_public_key.as_bytes()?).ok()?;
    let (modulus, exponent) = reader
        .sequence(|inner| {
            Ok::<_, p256::pkcs8::der::Error>((UintRef::decode(inner)?, UintRef::decode(inner)?))
        })
        .ok()?;
    Some((modulus.as_bytes().to_vec(), exponent.as_bytes().to_vec()))
}

/// What a signature was made of, as long as the modulus; None if it can't be one of this key's.
fn rsa_signed(modulus: &[u8], exponent: &[u8], signature: &[u8]) -> Result<Option<Vec<u8>>> {
    let [modulus, exponent, signed] = [modulus, exponent, signature].map(BigUint::from_bytes_be);
    if modulus.bits() > MODULUS_BITS || exponent.bits() > EXPONENT_BITS || !modulus.bit(0) {
        return Err(bad_key());
    }
    let length = modulus.bits().div_ceil(8) as usize;
    if signature.len() != length || signed >= modulus {
        return Ok(None);
    }
    let plain = signed.modpow(&exponent, &modulus).to_bytes_be();
    Ok(Some([vec![0; length - plain.len()], plain].concat()))
}

/// Whether a block is this content, padded as PKCS #1 says for signatures.
fn is_padded(block: &[u8], content: &[u8]) -> bool {
    let Some(padding) = block.len().checked_sub(content.len() + 3).filter(|length| *length >= 8)
    else {
        return false;
    };
    block == [&[0, 1], vec![0xff; padding].as_slice(), &[0], content].concat()
}
