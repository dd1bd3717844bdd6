// Streams that are read: chunks in memory, handed on in the order in which they come.

import { isBuffer, isView, tag, viewParts } from "facetbox:base";
import { byob } from "facetbox:lazy";

const LOCKED = "This ReadableStream is currently locked to a reader.";
const RELEASED = "This ReadableStream reader has been released.";

export const ignore = () => {};
export const settled = (promise) => {
  promise.catch(ignore); // whoever waits for it sees it
  return promise;
};
/** Calls a method that an object may lack; what it throws rejects. */
export const invoke = async (object, name, ...args) => object[name]?.(...args);

/** What a readable stream holds. */
export class Source {
  queue = []; // of { chunk, size }
  total = 0;
  waiting = []; // reads
  state = "readable";
  reader;
  disturbed = false;
  isBytes;
  /** The read that waited first when the stream was closed. */
  last;
  /** The room for bytes that a reader without a buffer of its own offers. */
  #room;
  #source;
  #mark;
  #size;
  #controller;
  #started = false;
  #pulling = false;
  #again = false;
  #closing = false;

  constructor(source, strategy, mark) {
    this.#source = source;
    this.isBytes = source.type === "bytes";
    if (this.isBytes) this.#room = source.autoAllocateChunkSize;
    this.#mark = strategy?.highWaterMark ?? mark;
    this.#size = (chunk) => strategy?.size?.(chunk) ?? 1;
    this.#controller = new ReadableStreamDefaultController(this);
    invoke(source, "start", this.#controller).then(
      () => {
        this.#started = true;
        this.pull();
      },
      (error) => this.fail(error),
    );
  }
  get desired() {
    if (this.state === "errored") return null;
    return this.state === "closed" ? 0 : this.#mark - this.total;
  }
  get #open() {
    return this.state === "readable" && !this.#closing;
  }
  enqueue(chunk) {
    if (!this.#open) throw new TypeError("The stream has been closed.");
    const read = this.waiting.shift();
    if (read !== undefined) read.resolve({ value: chunk, done: false });
    else this.#keep(chunk);
    this.pull();
  }
  #keep(chunk) {
    const size = Number(this.#size(chunk));
    this.queue.push({ chunk, size });
    this.total += size;
  }
  close() {
    if (!this.#open) throw new TypeError("The stream has been closed.");
    this.#closing = true;
    if (this.queue.length === 0) this.#finish();
  }
  #finish() {
    this.state = "closed";
    this.last = this.waiting[0];
    for (const read of this.waiting.splice(0)) read.resolve({ value: undefined, done: true });
    this.reader?.over.resolve();
  }
  fail(error) {
    if (this.state !== "readable") return;
    this.state = "errored";
    this.error = error;
    this.queue = [];
    for (const read of this.waiting.splice(0)) read.reject(error);
    this.reader?.over.reject(error);
  }
  /** Asks for more, if somebody waits or there is room. */
  pull() {
    if (!this.#started || !this.#open || (this.waiting.length === 0 && !(this.desired > 0))) return;
    if (this.#pulling) {
      this.#again = true;
      return;
    }
    this.#pulling = true;
    invoke(this.#source, "pull", this.#controller).then(
      () => {
        this.#pulling = false;
        if (!this.#again) return;
        this.#again = false;
        this.pull();
      },
      (error) => this.fail(error),
    );
  }
  /** Reads a chunk. `room`: how many bytes the reader has room for, if the source should know. */
  async read(room = this.#room) {
    this.disturbed = true;
    if (this.queue.length > 0) {
      const { chunk, size } = this.queue.shift();
      this.total -= size;
      if (this.#closing && this.queue.length === 0) this.#finish();
      else this.pull();
      return { value: chunk, done: false };
    }
    if (this.state === "closed") return { value: undefined, done: true };
    if (this.state === "errored") throw this.error;
    const read = { ...Promise.withResolvers(), room };
    this.waiting.push(read);
    this.pull();
    return read.promise;
  }
  /** Puts back what is left of a chunk. */
  unread(chunk) {
    this.queue.unshift({ chunk, size: 0 });
  }
  async cancel(reason) {
    this.disturbed = true;
    if (this.state === "errored") throw this.error;
    if (this.state === "closed") return;
    this.queue = [];
    this.#finish();
    await invoke(this.#source, "cancel", reason);
  }
}

class ReadableStreamDefaultController {
  #source;
  constructor(source) {
    if (!(source instanceof Source)) throw new TypeError("Illegal constructor");
    this.#source = source;
  }
  get desiredSize() {
    return this.#source.desired;
  }
  get byobRequest() {
    return this.#source.isBytes ? byob.use().requestOf(this.#source) : null;
  }
  enqueue(chunk) {
    this.#source.enqueue(chunk);
  }
  close() {
    this.#source.close();
  }
  error(reason) {
    this.#source.fail(reason);
  }
}

export let sourceOf;
/** The source of a reader that hasn't been released. */
export let readBy;

export class Reader {
  #source;
  #over = Promise.withResolvers();
  static {
    readBy = (reader) => {
      if (reader.#source === undefined) throw new TypeError(RELEASED);
      return reader.#source;
    };
  }
  constructor(stream) {
    const source = sourceOf(stream);
    if (source.reader !== undefined) throw new TypeError(LOCKED);
    this.#source = source;
    source.reader = { over: this.#over };
    settled(this.#over.promise);
    if (source.state === "closed") this.#over.resolve();
    if (source.state === "errored") this.#over.reject(source.error);
  }
  get closed() {
    return this.#over.promise;
  }
  async cancel(reason) {
    return readBy(this).cancel(reason);
  }
  releaseLock() {
    const source = this.#source;
    if (source === undefined) return;
    this.#source = undefined;
    source.reader = undefined;
    const released = new TypeError(RELEASED);
    for (const read of source.waiting.splice(0)) read.reject(released);
    this.#over.reject(released);
  }
}

class ReadableStreamDefaultReader extends Reader {
  async read() {
    return readBy(this).read();
  }
}

/** The source of an iterable's items. */
function iterated(items) {
  const iterator = items[Symbol.asyncIterator]?.() ?? items[Symbol.iterator]();
  return {
    async pull(controller) {
      const { done, value } = await iterator.next();
      if (done) controller.close();
      else controller.enqueue(await value);
    },
    cancel: (reason) => iterator.return?.(reason),
  };
}

export class ReadableStream {
  #source;
  /** The content of a body that this is the stream of. */
  #content;
  static {
    sourceOf = (stream) => stream.#source;
  }
  constructor(source = {}, strategy) {
    if (typeof source !== "object" || source === null) throw new TypeError("The source of a ReadableStream must be an object.");
    this.#source = new Source(source, strategy, source.type === "bytes" ? 0 : 1);
  }
  static from(items) {
    return new ReadableStream(iterated(items), { highWaterMark: 0 });
  }
  static of(content, takeBytes) {
    const pull = (controller) => {
      controller.enqueue(takeBytes());
      controller.close();
    };
    const stream = new ReadableStream({ type: "bytes", pull }, { highWaterMark: 0 });
    stream.#content = content;
    return stream;
  }
  static content(stream) {
    return stream.#content;
  }
  static is(value) {
    return typeof value === "object" && value !== null && #content in value;
  }
  get locked() {
    return this.#source.reader !== undefined;
  }
  getReader(options) {
    return options?.mode === undefined ? new ReadableStreamDefaultReader(this) : byob.use().newReader(this, options.mode);
  }
  async cancel(reason) {
    if (this.locked) throw new TypeError(LOCKED);
    return this.#source.cancel(reason);
  }
  tee() {
    const reader = this.getReader();
    const branches = [];
    let left = 2;
    const pull = async () => {
      try {
        const { done, value } = await reader.read();
        for (const branch of branches) {
          if (branch.state === "readable") done ? branch.close() : branch.enqueue(value);
        }
      } catch (error) {
        for (const branch of branches) branch.fail(error);
      }
    };
    const cancel = (reason) => (--left === 0 ? reader.cancel(reason) : undefined);
    const pair = [0, 1].map(() => new ReadableStream({ pull, cancel }, { highWaterMark: 0 }));
    branches.push(...pair.map(sourceOf));
    return pair;
  }
  async pipeTo(target, options) {
    const [reader, writer] = [this.getReader(), target.getWriter()];
    try {
      await pipe(reader, writer, options ?? {});
    } finally {
      reader.releaseLock();
      writer.releaseLock();
    }
  }
  pipeThrough({ readable, writable }, options) {
    settled(this.pipeTo(writable, options));
    return readable;
  }
  values(options) {
    const reader = this.getReader();
    return iterate(reader, Boolean(options?.preventCancel));
  }
  [Symbol.asyncIterator](options) {
    return this.values(options);
  }
}

async function* iterate(reader, keeps) {
  let ended = false;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      ended = done;
      if (done) return;
      yield value;
    }
  } finally {
    if (!ended && !keeps) await reader.cancel().catch(ignore);
    reader.releaseLock();
  }
}

async function pipe(reader, writer, { preventClose, preventAbort, preventCancel, signal }) {
  const aborted = new Promise((_, reject) => {
    if (signal?.aborted) reject(signal.reason);
    signal?.addEventListener("abort", () => reject(signal.reason));
  });
  settled(aborted);
  const [reading, writing] = [{ failed: undefined }, { failed: undefined }];
  const noted = (side, promise) =>
    Promise.race([promise, aborted]).catch((error) => {
      side.failed ??= { error };
      throw error;
    });
  try {
    for (;;) {
      await noted(writing, writer.ready);
      const { done, value } = await noted(reading, reader.read());
      if (done) break;
      writer.write(value).catch((error) => (writing.failed ??= { error }));
    }
    if (!preventClose) await noted(writing, writer.close());
  } catch (error) {
    if (!writing.failed && !preventAbort) await writer.abort(error).catch(ignore);
    if (!reading.failed && !preventCancel) await reader.cancel(error).catch(ignore);
    if (signal?.aborted) await Promise.allSettled([writer.abort(error), reader.cancel(error)]);
    throw error;
  }
}

/** Reads a stream of bytes to its end. */
export async function collect(stream) {
  const reader = stream.getReader();
  const chunks = [];
  let length = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    if (!isView(value) && !isBuffer(value)) throw new TypeError("This ReadableStream did not return bytes.");
    const bytes = isView(value) ? new Uint8Array(...viewParts(value)) : new Uint8Array(value);
    chunks.push(bytes);
    length += bytes.length;
  }
  const all = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.length;
  }
  return all;
}

// What bodies need, out of reach of guests.
export const { of: streamOf, content: contentOf, is: isStream } = ReadableStream;
for (const name of ["of", "content", "is"]) delete ReadableStream[name];
/** Whether a stream has been read from. */
export const isDisturbed = (stream) => sourceOf(stream).disturbed;

export const globals = { ReadableStream, ReadableStreamDefaultReader, ReadableStreamDefaultController };
Object.values(globals).forEach((constructor) => tag(constructor));
