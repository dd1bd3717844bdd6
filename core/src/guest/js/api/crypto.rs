//! Natives of the Web Cryptography API.

use rquickjs::Array;

use super::Natives;
use super::web::{bytes, give_bytes};
use crate::guest::web;

/// The most rounds of a keyed digest that run without a look at the guest's limits.
const MAX_ROUNDS: u64 = 4_096;

pub(super) fn register(natives: &mut Natives) {
    natives.add(c"random", |call| {
        let bytes = web::random(call.index(0)? as usize)?;
        give_bytes(call, &bytes)
    });
    natives.add(c"uuid", |call| call.give_text(&web::random_uuid()?));
    natives.add(c"digest", |call| {
        let (algorithm, data) = (call.text(0)?, bytes(call, 1)?);
        give_bytes(call, &web::digest(algorithm.as_bytes(), &data)?)
    });
    natives.add(c"hmac", |call| {
        let (algorithm, key, data) = (call.text(0)?, bytes(call, 1)?, bytes(call, 2)?);
        give_bytes(call, &web::hmac(algorithm.as_bytes(), &key, &data)?)
    });
    natives.add(c"hmac_rounds", |call| {
        let (algorithm, key, data) = (call.text(0)?, bytes(call, 1)?, bytes(call, 2)?);
        let rounds = call.index(3)?.min(MAX_ROUNDS) as usize;
        let (last, sum) = web::hmac_rounds(algorithm.as_bytes(), &key, &data, rounds)?;
        let pair = Array::new(call.ctx.clone())?;
        pair.set(0, give_bytes(call, &last)?)?;
        pair.set(1, give_bytes(call, &sum)?)?;
        Ok(pair.into_value())
    });
}
