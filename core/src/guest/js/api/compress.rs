//! Natives of compression: one piece in, what it gives out, both bounded.

use std::io::{self, Write};
use std::sync::Arc;

use flate2::Compression;
use flate2::write::{
    DeflateDecoder, DeflateEncoder, GzDecoder, GzEncoder, ZlibDecoder, ZlibEncoder,
};
use parking_lot::Mutex;
use rquickjs::Array;

use super::Natives;
use super::web::{bytes, give_bytes};
use crate::charge::Charge;
use crate::error::{Error, Result};
use crate::guest::js::native::{Call, Handle, illegal};

/// What is taken at once, at most, and given out, at least, if there is so much: a guest that has to end
/// isn't looked at meanwhile.
const PIECE: usize = 64 << 10;
/// The state of the library while it compresses, and while it expands.
const COMPRESSING_BYTES: usize = 400 << 10;
const EXPANDING_BYTES: usize = 128 << 10;

/// Data in one of the formats on its way through.
trait Coder: Write + Send {
    fn output(&mut self) -> &mut Vec<u8>;

    /// What ends the data: fails if it isn't complete.
    fn end(&mut self) -> io::Result<()>;
}

macro_rules! coders {
    ($($Coder:ident),*) => {
        $(impl Coder for $Coder<Vec<u8>> {
            fn output(&mut self) -> &mut Vec<u8> {
                self.get_mut()
            }

            fn end(&mut self) -> io::Result<()> {
                self.try_finish()
            }
        })*
    };
}

coders!(DeflateDecoder, DeflateEncoder, GzDecoder, GzEncoder, ZlibDecoder, ZlibEncoder);

/// A stream's data on its way through, which counts as the guest's memory.
pub(in crate::guest::js) struct Stream {
    coder: Box<dyn Coder>,
    expands: bool,
    _charge: Charge,
}

fn coder(format: &str, expands: bool) -> Option<Box<dyn Coder>> {
    let (to, level) = (Vec::new(), Compression::default());
    Some(match (format, expands) {
        ("gzip", true) => Box::new(GzDecoder::new(to)),
        ("gzip", false) => Box::new(GzEncoder::new(to, level)),
        ("deflate", true) => Box::new(ZlibDecoder::new(to)),
        ("deflate", false) => Box::new(ZlibEncoder::new(to, level)),
        ("deflate-raw", true) => Box::new(DeflateDecoder::new(to)),
        ("deflate-raw", false) => Box::new(DeflateEncoder::new(to, level)),
        _ => return None,
    })
}

impl Stream {
    /// Takes what it can of a piece: what comes out, and how much of the piece that is.
    fn step(&mut self, piece: &[u8]) -> Result<(Vec<u8>, usize)> {
        let piece = &piece[..piece.len().min(PIECE)];
        let mut used = 0;
        while used < piece.len() && self.coder.output().len() < PIECE {
            match self.coder.write(&piece[used..]) {
                Ok(0) => {
                    return Err(Error::type_error("Trailing bytes after end of compressed data"));
                }
                Ok(some) => used += some,
                Err(_) => return Err(self.failed()),
            }
        }
        // What is compressed stays until there is enough of it.
        if self.expands && used == piece.len() {
            self.coder.flush().map_err(|_| self.failed())?;
        }
        Ok((std::mem::take(self.coder.output()), used))
    }

    fn end(&mut self) -> Result<Vec<u8>> {
        let incomplete = "Called close() on a decompression stream with incomplete data";
        self.coder.end().map_err(|_| Error::type_error(incomplete))?;
        Ok(std::mem::take(self.coder.output()))
    }

    fn failed(&self) -> Error {
        Error::type_error(if self.expands {
            "Decompression failed."
        } else {
            "Compression failed."
        })
    }
}

pub(super) fn register(natives: &mut Natives) {
    natives.add(c"coder", |call| {
        let (format, expands) = (call.text(0)?, call.flag(1));
        let coder = coder(&format, expands).ok_or_else(illegal)?;
        let charge = call.charge(if expands { EXPANDING_BYTES } else { COMPRESSING_BYTES });
        let stream = Stream { coder, expands, _charge: charge };
        call.give_cap(Handle::Coder(Arc::new(Mutex::new(stream))))
    });
    natives.add(c"coder_step", |call| {
        let (output, used) = stream(call)?.lock().step(&bytes(call, 1)?)?;
        let pair = Array::new(call.ctx.clone())?;
        pair.set(0, give_bytes(call, &output)?)?;
        pair.set(1, used as f64)?;
        Ok(pair.into_value())
    });
    natives.add(c"coder_end", |call| {
        let output = stream(call)?.lock().end()?;
        give_bytes(call, &output)
    });
}

fn stream(call: &Call<'_, '_>) -> Result<Arc<Mutex<Stream>>> {
    match call.handle(0)? {
        Handle::Coder(stream) => Ok(stream),
        _ => Err(illegal()),
    }
}
