//! Natives of time zones, whose rules are part of this program: nothing is read from the system.

use jiff::Timestamp;
use jiff::tz::{Dst, TimeZone, TimeZoneDatabase};
use rquickjs::Array;

use super::Natives;
use crate::guest::js::native::{Call, Fail};

pub(super) fn register(natives: &mut Natives) {
    natives.add(c"zone", |call| match zone(call)? {
        Some(zone) => call.give_text(zone.iana_name().unwrap_or("UTC")),
        None => call.undefined(),
    });
    // How many seconds it is ahead of UTC at a time, and whether that is daylight saving time.
    natives.add(c"zone_at", |call| {
        let time = call.number(1)?.clamp(-8.64e15, 8.64e15) as i64;
        let time = Timestamp::from_millisecond(time).unwrap_or(if time < 0 {
            Timestamp::MIN
        } else {
            Timestamp::MAX
        });
        let zone = zone(call)?.unwrap_or(TimeZone::UTC);
        let info = zone.to_offset_info(time);
        let pair = Array::new(call.ctx.clone())?;
        pair.set(0, info.offset().seconds())?;
        pair.set(1, info.dst() == Dst::Yes)?;
        Ok(pair.into_value())
    });
}

/// The zone of this name in the database, whose names are known in any case.
fn zone(call: &Call<'_, '_>) -> Result<Option<TimeZone>, Fail> {
    Ok(TimeZoneDatabase::bundled().get(&call.text(0)?).ok())
}
