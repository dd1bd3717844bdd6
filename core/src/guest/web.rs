//! What the web API of all engines computes: URLs, base64, digests, random bytes, text.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
#[cfg(feature = "quickjs")]
use hmac::{Hmac, KeyInit as _, Mac as _};
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha384, Sha512};
use url::{Url, quirks};

use crate::error::{Error, ErrorCode, Result};
use crate::http::Headers;

/// The most that one call of `crypto.getRandomValues` fills, as in the Web Cryptography standard.
const RANDOM_BYTES: usize = 65_536;
/// Longest URL or query that is parsed.
const URL_BYTES: usize = 1 << 20;
/// Longest query that is written. Guests share strings, Rust copies them.
const QUERY_BYTES: usize = 32 << 20;
/// The most that all headers of a message are together. Guests share strings, Rust copies them.
const HEADER_BYTES: usize = 1 << 20;

/// Decodes as `atob` does: all padding may be missing, unused bits are ignored.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// A keyed hash; a key may have any length.
#[cfg(feature = "quickjs")]
macro_rules! keyed {
    ($Hash:ident, $key:expr) => {
        Hmac::<$Hash>::new_from_slice($key)
            .map_err(|_| Error::new(ErrorCode::InvalidArgument, "The key is unusable."))?
    };
}

// URLs --------------------------------------------------------------------------------------------

/// Refuses a URL or query that would take long to parse.
pub(super) fn check_length(bytes: usize) -> Result<()> {
    if bytes > URL_BYTES {
        return Err(Error::type_error(format!("A URL is longer than {URL_BYTES} bytes.")));
    }
    Ok(())
}

/// Refuses to write a query of so many bytes, each of which may become three.
pub(super) fn check_query(bytes: usize) -> Result<()> {
    if bytes > QUERY_BYTES / 3 {
        return Err(Error::type_error(format!("A query is longer than {QUERY_BYTES} bytes.")));
    }
    Ok(())
}

fn invalid_url() -> Error {
    Error::type_error("Invalid URL string.")
}

/// Parses a URL, relative to `base` if there is one.
pub(super) fn parse_url(text: &str, base: Option<&str>) -> Result<Url> {
    check_length(text.len() + base.map_or(0, str::len))?;
    let base = base.map(Url::parse).transpose().map_err(|_| invalid_url())?;
    Url::options().base_url(base.as_ref()).parse(text).map_err(|_| invalid_url())
}

/// Changes one part as an assignment in JavaScript does: what doesn't fit is ignored, save `href`.
pub(super) fn set_url_part(url: &mut Url, part: &str, value: &str) -> Result<()> {
    check_length(value.len())?;
    let _ = match part {
        "href" => return quirks::set_href(url, value).map_err(|_| invalid_url()),
        "protocol" => quirks::set_protocol(url, value),
        "username" => quirks::set_username(url, value),
        "password" => quirks::set_password(url, value),
        "host" => quirks::set_host(url, value),
        "hostname" => quirks::set_hostname(url, value),
        "port" => quirks::set_port(url, value),
        "pathname" => {
            quirks::set_pathname(url, value);
            Ok(())
        }
        "search" => {
            quirks::set_search(url, value);
            Ok(())
        }
        "hash" => {
            quirks::set_hash(url, value);
            Ok(())
        }
        _ => {
            return Err(Error::type_error(format!("URL has no part {part:?} that can be set.")));
        }
    };
    Ok(())
}

/// The parts of a URL by their names in JavaScript.
pub(super) fn url_parts(url: &Url) -> [(&'static str, String); 11] {
    [
        ("href", quirks::href(url).to_owned()),
        ("protocol", quirks::protocol(url).to_owned()),
        ("username", quirks::username(url).to_owned()),
        ("password", quirks::password(url).to_owned()),
        ("host", quirks::host(url).to_owned()),
        ("hostname", quirks::hostname(url).to_owned()),
        ("port", quirks::port(url).to_owned()),
        ("pathname", quirks::pathname(url).to_owned()),
        ("search", quirks::search(url).to_owned()),
        ("hash", quirks::hash(url).to_owned()),
        ("origin", url.origin().ascii_serialization()),
    ]
}

// Headers -----------------------------------------------------------------------------------------

/// Headers of a guest on their way into Rust.
#[derive(Default)]
pub(super) struct HeaderList {
    headers: Headers,
    bytes: usize,
}

impl HeaderList {
    /// Appends one.
    ///
    /// # Errors
    /// LIMIT_MESSAGE if they are too long together, INVALID_ARGUMENT for what is no header.
    pub fn append(&mut self, name: &str, value: &str) -> Result<()> {
        self.bytes += name.len() + value.len();
        if self.bytes > HEADER_BYTES {
            let message = format!("The headers are longer than {HEADER_BYTES} bytes.");
            return Err(Error::new(ErrorCode::LimitMessage, message));
        }
        self.headers.append(name, value)
    }

    pub fn finish(self) -> Headers {
        self.headers
    }
}

// Bytes -------------------------------------------------------------------------------------------

pub(super) fn encode_base64(bytes: &[u8]) -> String {
    BASE64.encode(bytes)
}

/// Decodes base64; white space in it is skipped. `None` for what is none.
pub(super) fn decode_base64(text: &[u8]) -> Option<Vec<u8>> {
    let blank = |byte: &u8| byte.is_ascii_whitespace();
    if text.iter().any(blank) {
        let rest: Vec<u8> = text.iter().copied().filter(|byte| !blank(byte)).collect();
        return decode_base64(&rest);
    }
    let is_cut = text.ends_with(b"=") && !text.len().is_multiple_of(4);
    if is_cut { None } else { BASE64.decode(text).ok() }
}

/// Does `$work` with the hash `$Hash` that an algorithm's name in the Web Cryptography standard means, in any case.
macro_rules! by_hash {
    ($algorithm:expr, $Hash:ident => $work:expr) => {
        match $algorithm.to_ascii_uppercase().as_slice() {
            b"MD5" => by_hash!(@with Md5, $Hash => $work),
            b"SHA-1" => by_hash!(@with Sha1, $Hash => $work),
            b"SHA-256" => by_hash!(@with Sha256, $Hash => $work),
            b"SHA-384" => by_hash!(@with Sha384, $Hash => $work),
            b"SHA-512" => by_hash!(@with Sha512, $Hash => $work),
            _ => Err(Error::named(
                ErrorCode::Unsupported,
                "NotSupportedError",
                "Unsupported digest algorithm; there are MD5, SHA-1, SHA-256, SHA-384 and SHA-512.",
            )),
        }
    };
    (@with $Known:ident, $Hash:ident => $work:expr) => {{
        type $Hash = $Known;
        Ok($work)
    }};
}

/// The digest of `data`.
pub(super) fn digest(algorithm: &[u8], data: &[u8]) -> Result<Vec<u8>> {
    by_hash!(algorithm, Hash => Hash::digest(data).to_vec())
}

/// The keyed digest of `data`.
#[cfg(feature = "quickjs")]
pub(super) fn hmac(algorithm: &[u8], key: &[u8], data: &[u8]) -> Result<Vec<u8>> {
    by_hash!(algorithm, Hash => {
        let mut mac = keyed!(Hash, key);
        mac.update(data);
        mac.finalize().into_bytes().to_vec()
    })
}

/// The keyed digest of `data`, of that digest and so on, `rounds` times: the last one, and all of them combined by XOR.
#[cfg(feature = "quickjs")]
pub(super) fn hmac_rounds(
    algorithm: &[u8],
    key: &[u8],
    data: &[u8],
    rounds: usize,
) -> Result<(Vec<u8>, Vec<u8>)> {
    by_hash!(algorithm, Hash => {
        let keyed = keyed!(Hash, key);
        let (mut last, mut sum) = (data.to_vec(), Vec::new());
        for _ in 0..rounds {
            let mut mac = keyed.clone();
            mac.update(&last);
            last.clear();
            last.extend_from_slice(&mac.finalize().into_bytes());
            sum.resize(last.len(), 0);
            sum.iter_mut().zip(&last).for_each(|(sum, byte)| *sum ^= byte);
        }
        (last, sum)
    })
}

/// Random bytes of good quality.
///
/// # Errors
/// INVALID_ARGUMENT (a `QuotaExceededError`) for more than 65,536.
pub(super) fn random(length: usize) -> Result<Vec<u8>> {
    if length > RANDOM_BYTES {
        let message =
            format!("crypto.getRandomValues fills at most {RANDOM_BYTES} bytes, not {length}.");
        return Err(Error::named(ErrorCode::InvalidArgument, "QuotaExceededError", message));
    }
    let mut bytes = vec![0; length];
    fill(&mut bytes)?;
    Ok(bytes)
}

fn fill(bytes: &mut [u8]) -> Result<()> {
    getrandom::fill(bytes)
        .map_err(|_| Error::new(ErrorCode::Unsupported, "the system gives no random bytes"))
}

/// A random identifier of version 4, variant 1.
pub(super) fn random_uuid() -> Result<String> {
    let mut bytes = [0; 16];
    fill(&mut bytes)?;
    let bits = u128::from_be_bytes(bytes) & !(0xf << 76) | 4 << 76;
    let bits = bits & !(0b11 << 62) | 0b10 << 62;
    let hex = format!("{bits:032x}");
    Ok([&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-"))
}

/// Bytes without the byte order mark at their start.
pub(super) fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes)
}
