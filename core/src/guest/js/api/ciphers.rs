//! Natives of ciphers: bytes in, bytes out. Keys are checked where they are used.

use aes::{Aes128, Aes192, Aes256};
use aes_gcm::AesGcm;
use aes_gcm::aead::consts::{U12, U16};
use aes_gcm::aead::{Aead, KeyInit, Nonce, Payload};
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{
    Block, BlockCipherDecrypt, BlockCipherEncrypt, BlockModeDecrypt, BlockModeEncrypt, KeyIvInit,
    StreamCipher,
};
use cbc::{Decryptor, Encryptor};
use ctr::Ctr128BE;

use super::Natives;
use super::web::{bytes, give_bytes};
use crate::error::{Error, ErrorCode, Result};
use crate::guest::js::native::{Call, Fail, illegal};

/// The most bytes that one call encrypts or decrypts: a guest that has to end isn't looked at meanwhile.
const MESSAGE_BYTES: usize = 16 << 20;

pub(super) fn register(natives: &mut Natives) {
    natives.add(c"aes_gcm", |call| {
        let (encrypts, key, vector) = (call.flag(0), bytes(call, 1)?, bytes(call, 2)?);
        let (aad, msg) = (message(call, 3)?, message(call, 4)?);
        let done = gcm(encrypts, &key, &vector, Payload { msg: &msg, aad: &aad })?;
        give_bytes(call, &done)
    });
    natives.add(c"aes_cbc", |call| {
        let (encrypts, key, vector) = (call.flag(0), bytes(call, 1)?, bytes(call, 2)?);
        give_bytes(call, &cbc(encrypts, &key, &vector, &message(call, 3)?)?)
    });
    natives.add(c"aes_block", |call| {
        let (encrypts, key, block) = (call.flag(0), bytes(call, 1)?, bytes(call, 2)?);
        give_bytes(call, &one_block(encrypts, &key, &block)?)
    });
    natives.add(c"aes_ctr", |call| {
        let (bits, key, counter) = (call.index(0)?, bytes(call, 1)?, bytes(call, 2)?);
        give_bytes(call, &ctr(bits, &key, &counter, message(call, 3)?)?)
    });
}

fn message(call: &Call<'_, '_>, at: usize) -> std::result::Result<Vec<u8>, Fail> {
    let message = bytes(call, at)?;
    let length = message.len();
    if length > MESSAGE_BYTES {
        return Err(failed(format!(
            "AES takes at most {MESSAGE_BYTES} bytes in one call, not {length}."
        ))
        .into());
    }
    Ok(message)
}

fn failed(message: impl Into<String>) -> Error {
    Error::named(ErrorCode::InvalidArgument, "OperationError", message)
}

fn undecryptable() -> Error {
    failed(
        "Decryption failed. This could be due to a ciphertext authentication failure, bad padding, incorrect CryptoKey, or another algorithm-specific reason.",
    )
}

/// Galois/Counter mode with a tag of 128 bits behind what is encrypted.
fn gcm(encrypts: bool, key: &[u8], vector: &[u8], data: Payload<'_, '_>) -> Result<Vec<u8>> {
    match (key.len(), vector.len()) {
        (16, 12) => gcm_with::<AesGcm<Aes128, U12>>(encrypts, key, vector, data),
        (24, 12) => gcm_with::<AesGcm<Aes192, U12>>(encrypts, key, vector, data),
        (32, 12) => gcm_with::<AesGcm<Aes256, U12>>(encrypts, key, vector, data),
        (16, 16) => gcm_with::<AesGcm<Aes128, U16>>(encrypts, key, vector, data),
        (24, 16) => gcm_with::<AesGcm<Aes192, U16>>(encrypts, key, vector, data),
        (32, 16) => gcm_with::<AesGcm<Aes256, U16>>(encrypts, key, vector, data),
        (_, length) => {
            Err(failed(format!("The iv of AES-GCM must have 12 or 16 bytes, not {length}.")))
        }
    }
}

fn gcm_with<C: KeyInit + Aead>(
    encrypts: bool,
    key: &[u8],
    vector: &[u8],
    data: Payload<'_, '_>,
) -> Result<Vec<u8>> {
    let cipher = C::new_from_slice(key).map_err(|_| illegal())?;
    let nonce = <&Nonce<C>>::try_from(vector).map_err(|_| illegal())?;
    let done = if encrypts { cipher.encrypt(nonce, data) } else { cipher.decrypt(nonce, data) };
    done.map_err(|_| undecryptable())
}

fn cbc(encrypts: bool, key: &[u8], vector: &[u8], data: &[u8]) -> Result<Vec<u8>> {
    match (key.len(), encrypts) {
        (16, true) => cbc_encrypted::<Encryptor<Aes128>>(key, vector, data),
        (24, true) => cbc_encrypted::<Encryptor<Aes192>>(key, vector, data),
        (32, true) => cbc_encrypted::<Encryptor<Aes256>>(key, vector, data),
        (16, false) => cbc_decrypted::<Decryptor<Aes128>>(key, vector, data),
        (24, false) => cbc_decrypted::<Decryptor<Aes192>>(key, vector, data),
        (32, false) => cbc_decrypted::<Decryptor<Aes256>>(key, vector, data),
        _ => Err(illegal()),
    }
}

fn cbc_encrypted<C: KeyIvInit + BlockModeEncrypt>(
    key: &[u8],
    vector: &[u8],
    data: &[u8],
) -> Result<Vec<u8>> {
    let cipher = C::new_from_slices(key, vector).map_err(|_| bad_vector("AES-CBC", "iv"))?;
    Ok(cipher.encrypt_padded_vec::<Pkcs7>(data))
}

fn cbc_decrypted<C: KeyIvInit + BlockModeDecrypt>(
    key: &[u8],
    vector: &[u8],
    data: &[u8],
) -> Result<Vec<u8>> {
    let cipher = C::new_from_slices(key, vector).map_err(|_| bad_vector("AES-CBC", "iv"))?;
    cipher.decrypt_padded_vec::<Pkcs7>(data).map_err(|_| undecryptable())
}

/// Counter mode, whose counter is in the last `bits` of the block and begins anew after its highest value.
fn ctr(bits: u64, key: &[u8], counter: &[u8], mut data: Vec<u8>) -> Result<Vec<u8>> {
    let counter = <[u8; 16]>::try_from(counter).map_err(|_| bad_vector("AES-CTR", "counter"))?;
    let counter = u128::from_be_bytes(counter);
    if !(1..=128).contains(&bits) {
        return Err(failed(format!("The counter of AES-CTR has 1 to 128 bits, not {bits}.")));
    }
    let mask = u128::MAX >> (128 - bits);
    let blocks = data.len().div_ceil(16) as u128;
    if blocks > mask.saturating_add(1) {
        return Err(failed(format!(
            "{blocks} blocks are too many for a counter of AES-CTR of {bits} bits."
        )));
    }
    let left = (mask - (counter & mask)).saturating_add(1);
    let first = usize::try_from(left.saturating_mul(16)).unwrap_or(usize::MAX).min(data.len());
    let (before, after) = data.split_at_mut(first);
    for (counter, part) in [(counter, before), (counter & !mask, after)] {
        match key.len() {
            16 => ctr_with::<Ctr128BE<Aes128>>(key, counter, part)?,
            24 => ctr_with::<Ctr128BE<Aes192>>(key, counter, part)?,
            32 => ctr_with::<Ctr128BE<Aes256>>(key, counter, part)?,
            _ => return Err(illegal()),
        }
    }
    Ok(data)
}

fn ctr_with<C: KeyIvInit + StreamCipher>(key: &[u8], counter: u128, data: &mut [u8]) -> Result<()> {
    let mut cipher = C::new_from_slices(key, &counter.to_be_bytes()).map_err(|_| illegal())?;
    cipher.try_apply_keystream(data).map_err(|_| illegal())
}

/// One block by itself.
fn one_block(encrypts: bool, key: &[u8], block: &[u8]) -> Result<Vec<u8>> {
    match key.len() {
        16 => block_with::<Aes128>(encrypts, key, block),
        24 => block_with::<Aes192>(encrypts, key, block),
        32 => block_with::<Aes256>(encrypts, key, block),
        _ => Err(illegal()),
    }
}

fn block_with<C: KeyInit + BlockCipherEncrypt + BlockCipherDecrypt>(
    encrypts: bool,
    key: &[u8],
    block: &[u8],
) -> Result<Vec<u8>> {
    let cipher = C::new_from_slice(key).map_err(|_| illegal())?;
    let mut block = Block::<C>::try_from(block).map_err(|_| illegal())?;
    if encrypts {
        cipher.encrypt_block(&mut block)
    } else {
        cipher.decrypt_block(&mut block)
    }
    Ok(block.to_vec())
}

fn bad_vector(algorithm: &str, name: &str) -> Error {
    failed(format!("The {name} of {algorithm} must have 16 bytes."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_begins_anew_within_its_bits() {
        let (key, mut counter) = ([7; 32], [0xa5; 16]);
        counter[15] = 0xff;
        let first = ctr(128, &key, &counter, vec![1; 16]).unwrap();
        counter[15] = 0;
        let second = ctr(128, &key, &counter, vec![1; 5]).unwrap();
        counter[15] = 0xff;
        let both = ctr(8, &key, &counter, vec![1; 21]).unwrap();
        assert_eq!(both, [first, second].concat());
        assert_eq!(ctr(8, &key, &counter, both).unwrap(), [1; 21]);
    }

    #[test]
    fn a_counter_gives_no_block_twice() {
        let (key, counter) = ([7; 16], [0; 16]);
        assert!(ctr(1, &key, &counter, vec![0; 32]).is_ok());
        let error = ctr(1, &key, &counter, vec![0; 33]).unwrap_err();
        assert_eq!(error.message(), "3 blocks are too many for a counter of AES-CTR of 1 bits.");
        for bits in [0, 129] {
            assert!(ctr(bits, &key, &counter, vec![0]).is_err());
        }
    }
}
