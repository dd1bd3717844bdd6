//! Messages that JavaScript takes at once: one buffer for all of them, and a list of what is no bytes.

use facetbox::Portion;
use napi::Env;
use napi::JsValue;
use napi::bindgen_prelude::{BufferSlice, Either};

use crate::codec::{Item, Packed};
use crate::mailbox::Message;

/// What JavaScript takes: false for nothing, true for messages in the buffer that it has given, or a list of the
/// buffer that they are in and of what they refer to.
///
/// The buffer begins with the number of messages, and 1 if there are more to come for, or 0. Each message is its kind, id, target, the place in the list of what it
/// brings and of what its value refers to, the lengths of its name and its value, and those two. Numbers are 32 bits,
/// little-endian.
pub(crate) type Batch = Either<bool, Vec<Item>>;

/// Writes messages into `buffer`, or into a larger one.
pub(crate) fn write(
    env: &Env,
    Portion { messages, more }: Portion<Message>,
    mut buffer: BufferSlice<'static>,
) -> napi::Result<Batch> {
    if messages.is_empty() {
        return Ok(Either::A(false));
    }
    let length = 2 * 4 + messages.iter().map(length).sum::<usize>();
    let given = length <= buffer.len();
    let mut bytes = Vec::with_capacity(length);
    bytes.extend(number(messages.len()));
    bytes.extend(number(usize::from(more)));
    let mut items = Vec::new();
    for message in messages {
        add(message, &mut bytes, &mut items);
    }
    if given {
        buffer[..length].copy_from_slice(&bytes);
        if items.is_empty() {
            return Ok(Either::A(true));
        }
    } else {
        buffer = BufferSlice::copy_from(env, &bytes)?;
    }
    Ok(Either::B(std::iter::once(Item::A(buffer.to_unknown())).chain(items).collect()))
}

/// How many bytes a message takes there.
pub(crate) fn length(message: &Message) -> usize {
    7 * 4 + message.name.len() + message.packed.bytes.len()
}

fn add(message: Message, bytes: &mut Vec<u8>, items: &mut Vec<Item>) {
    let Message { kind, id, target, name, packed, extra } = message;
    let Packed { bytes: value, capabilities, .. } = packed;
    // The list begins with the buffer.
    let brings = items.len() + 1;
    items.extend(extra.map(Item::B));
    let refers = items.len() + 1;
    items.extend(capabilities.into_iter().map(Item::B));
    for count in [kind as u32, id, target] {
        bytes.extend(count.to_le_bytes());
    }
    for count in [brings, refers, name.len(), value.len()] {
        bytes.extend(number(count));
    }
    bytes.extend(name.as_bytes());
    bytes.extend(value);
}

/// Messages are limited to far less than 4 GiB, and a loop takes few that are large at a time.
fn number(count: usize) -> [u8; 4] {
    u32::try_from(count).expect("a batch is shorter than 4 GiB").to_le_bytes()
}
