// Readers that fill buffers which they are given, and what asks a source to do so.

import { bytesOf, isView, tag, viewParts } from "facetbox:base";
import { streams } from "facetbox:lazy";

const { Reader, Source, readBy, sourceOf } = streams.use();

/** Reads into a place until there are at least so many bytes in it and none that wait, or no more: how many there are. */
async function fill(source, place, least) {
  let filled = 0;
  while (filled < least || (filled < place.length && source.queue.length > 0)) {
    const { done, value } = await source.read(place.length - filled);
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

/** What a source is asked for by a reader that waits. What it writes goes into a buffer of its own, and is copied. */
class ReadableStreamBYOBRequest {
  #source;
  #read;
  #view;
  constructor(source, read) {
    if (!(source instanceof Source)) throw new TypeError("Illegal constructor");
    this.#source = source;
    this.#read = read;
    this.#view = new Uint8Array(read.room);
  }
  get view() {
    return asked(this.#source) === this.#read ? this.#view : null;
  }
  respond(count) {
    this.#respond(Number(count), () => new Uint8Array(this.#view.buffer, 0, count));
  }
  respondWithNewView(view) {
    if (!isView(view)) throw new TypeError("respondWithNewView() takes a view.");
    this.#respond(viewParts(view)[2], () => view);
  }
  #respond(count, chunk) {
    if (this.view === null) throw new TypeError("This BYOB request has been invalidated.");
    const isClosed = this.#source.state === "closed";
    if (isClosed ? count !== 0 : !(count > 0)) {
      throw new TypeError(isClosed ? "The stream has been closed." : "A BYOB request is answered with at least one byte.");
    }
    if (count > this.#view.length) throw new RangeError("There is less room in the view of the BYOB request.");
    if (isClosed) this.#source.last = undefined;
    else this.#source.enqueue(chunk());
  }
}

const asked = (source) => source.waiting[0] ?? source.last;

export function requestOf(source) {
  const read = asked(source);
  if (!(read?.room > 0)) return null;
  return (read.request ??= new ReadableStreamBYOBRequest(source, read));
}

export function newReader(stream, mode) {
  if (mode !== "byob") throw new TypeError("mode must be undefined or 'byob' in call to getReader().");
  return new ReadableStreamBYOBReader(stream);
}

export const globals = { ReadableStreamBYOBReader, ReadableStreamBYOBRequest };
Object.values(globals).forEach((constructor) => tag(constructor));
