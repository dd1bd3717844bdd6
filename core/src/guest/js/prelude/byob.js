// Readers that fill buffers which they are given.

import { bytesOf, isView, tag, viewParts } from "facetbox:base";
import { streams } from "facetbox:lazy";

const { Reader, readBy, sourceOf } = streams.use();

/** Reads into a place until there are at least so many bytes in it and none that wait, or no more: how many there are. */
async function fill(source, place, least) {
  let filled = 0;
  while (filled < least || (filled < place.length && source.queue.length > 0)) {
    const { done, value } = await source.read();
    if (done) break;
    const bytes = bytesOf(value, "A chunk of a stream of bytes");
    const some = bytes.subarray(0, place.length - filled);
    place.set(some, filled);
    filled += some.length;
    if (some.length < bytes.length) source.unread(bytes.subarray(some.length));
  }
  return filled;
}

class ReadableStreamBYOBReader extends Reader {
  constructor(stream) {
    if (!sourceOf(stream).isBytes) throw new TypeError("This ReadableStream does not support BYOB reads.");
    super(stream);
  }
  async read(view, options) {
    const source = readBy(this);
    if (!isView(view)) throw new TypeError("read() takes a view of the buffer to be filled.");
    const [buffer, offset, length] = viewParts(view);
    if (length === 0) throw new TypeError("The view to be filled is empty.");
    const { constructor } = Object.getPrototypeOf(view);
    const size = constructor.BYTES_PER_ELEMENT ?? 1;
    const own = buffer.transfer();
    const least = Math.min((options?.min ?? 1) * size, length);
    const filled = await fill(source, new Uint8Array(own, offset, length), least);
    return { value: new constructor(own, offset, Math.floor(filled / size)), done: filled === 0 };
  }
  readAtLeast(min, view) {
    return this.read(view, { min });
  }
}

export function newReader(stream, mode) {
  if (mode !== "byob") throw new TypeError("mode must be undefined or 'byob' in call to getReader().");
  return new ReadableStreamBYOBReader(stream);
}

tag(ReadableStreamBYOBReader);
export const globals = { ReadableStreamBYOBReader };
