// Streams that are written to, and those in between.

import { tag, toBytes } from "facetbox:base";
import { streams } from "facetbox:lazy";

const { ReadableStream, Source, ignore, invoke, settled, sourceOf } = streams.use();

const LOCKED = "This WritableStream is currently locked to a writer.";

// Writing -----------------------------------------------------------------------------------------

/** What a writable stream writes to. */
class Sink {
  state = "writable"; // then closing, closed, errored
  writer;
  ready = Promise.withResolvers();
  over = Promise.withResolvers();
  #sink;
  #mark;
  #pending = 0;
  #tail;
  #controller;

  constructor(sink, strategy) {
    this.#sink = sink;
    this.#mark = strategy?.highWaterMark ?? 1;
    settled(this.over.promise);
    this.#controller = new WritableStreamDefaultController(this);
    this.#tail = Promise.resolve(sink.start?.(this.#controller));
    this.#tail.catch((error) => this.fail(error));
    this.#turn();
  }
  get desired() {
    if (this.state === "errored") return null;
    return this.state === "closed" ? 0 : this.#mark - this.#pending;
  }
  /** Lets a writer go on, or wait. */
  #turn() {
    if (this.desired > 0) this.ready.resolve();
    else if (this.state === "writable") this.ready = Promise.withResolvers();
  }
  fail(error) {
    if (this.state === "closed" || this.state === "errored") return;
    this.state = "errored";
    this.error = error;
    settled(this.ready.promise);
    this.ready.reject(error);
    this.over.reject(error);
  }
  #after(work) {
    const done = this.#tail.then(() => {
      if (this.state === "errored") throw this.error;
      return work();
    });
    done.catch((error) => this.fail(error));
    this.#tail = done.catch(ignore);
    return done;
  }
  write(chunk) {
    if (this.state === "errored") return Promise.reject(this.error);
    if (this.state !== "writable") return Promise.reject(new TypeError("This WritableStream has been closed."));
    this.#pending++;
    this.#turn();
    return settled(
      this.#after(() => invoke(this.#sink, "write", chunk, this.#controller)).finally(() => {
        this.#pending--;
        this.#turn();
      }),
    );
  }
  close() {
    if (this.state !== "writable") return Promise.reject(this.error ?? new TypeError("This WritableStream has been closed."));
    this.state = "closing";
    return settled(
      this.#after(async () => {
        await invoke(this.#sink, "close", this.#controller);
        this.state = "closed";
        this.over.resolve();
      }),
    );
  }
  async abort(reason) {
    if (this.state === "closed" || this.state === "errored") return;
    this.fail(reason);
    await invoke(this.#sink, "abort", reason);
  }
}

class WritableStreamDefaultController {
  #sink;
  constructor(sink) {
    if (!(sink instanceof Sink)) throw new TypeError("Illegal constructor");
    this.#sink = sink;
  }
  error(reason) {
    this.#sink.fail(reason);
  }
}

let sinkOf;

class WritableStreamDefaultWriter {
  #sink;
  constructor(stream) {
    const sink = sinkOf(stream);
    if (sink.writer !== undefined) throw new TypeError(LOCKED);
    this.#sink = sink;
    sink.writer = this;
  }
  get #held() {
    if (this.#sink === undefined) throw new TypeError("This WritableStream writer has been released.");
    return this.#sink;
  }
  get closed() {
    return this.#held.over.promise;
  }
  get ready() {
    return this.#held.ready.promise;
  }
  get desiredSize() {
    return this.#held.desired;
  }
  write(chunk) {
    return this.#held.write(chunk);
  }
  close() {
    return this.#held.close();
  }
  abort(reason) {
    return this.#held.abort(reason);
  }
  releaseLock() {
    if (this.#sink !== undefined) this.#sink.writer = undefined;
    this.#sink = undefined;
  }
}

class WritableStream {
  #sink;
  static {
    sinkOf = (stream) => stream.#sink;
  }
  constructor(sink = {}, strategy) {
    this.#sink = new Sink(sink, strategy);
  }
  get locked() {
    return this.#sink.writer !== undefined;
  }
  getWriter() {
    return new WritableStreamDefaultWriter(this);
  }
  async close() {
    if (this.locked) throw new TypeError(LOCKED);
    return this.#sink.close();
  }
  async abort(reason) {
    if (this.locked) throw new TypeError(LOCKED);
    return this.#sink.abort(reason);
  }
}

// Transforming ------------------------------------------------------------------------------------

class TransformStreamDefaultController {
  #source;
  #stop;
  constructor(source, stop) {
    if (!(source instanceof Source)) throw new TypeError("Illegal constructor");
    this.#source = source;
    this.#stop = stop;
  }
  get desiredSize() {
    return this.#source.desired;
  }
  enqueue(chunk) {
    this.#source.enqueue(chunk);
  }
  error(reason) {
    this.#source.fail(reason);
    this.#stop(reason);
  }
  terminate() {
    this.#source.close();
    this.#stop(new TypeError("This TransformStream has been terminated."));
  }
}

class TransformStream {
  #readable;
  #writable;
  constructor(transformer = {}, writableStrategy, readableStrategy) {
    let wanted = Promise.withResolvers(); // by whoever reads
    let stop = ignore;
    const cancel = async (reason) => {
      stop(reason);
      await invoke(transformer, "cancel", reason);
    };
    this.#readable = new ReadableStream({ pull: () => wanted.resolve(), cancel }, readableStrategy ?? { highWaterMark: 0 });
    const source = sourceOf(this.#readable);
    const controller = new TransformStreamDefaultController(source, (reason) => stop(reason));
    const fail = (error) => {
      source.fail(error);
      throw error;
    };
    const sink = {
      start: () => transformer.start?.(controller),
      async write(chunk) {
        if (!(source.desired > 0 || source.waiting.length > 0)) {
          wanted = Promise.withResolvers();
          await wanted.promise;
        }
        if (transformer.transform === undefined) source.enqueue(chunk);
        else await invoke(transformer, "transform", chunk, controller).catch(fail);
      },
      async close() {
        await invoke(transformer, "flush", controller).catch(fail);
        if (source.state === "readable") source.close();
      },
      abort: (reason) => source.fail(reason),
    };
    this.#writable = new WritableStream(sink, writableStrategy);
    stop = (reason) => {
      sinkOf(this.#writable).fail(reason);
      wanted.resolve();
    };
  }
  get readable() {
    return this.#readable;
  }
  get writable() {
    return this.#writable;
  }
}

class IdentityTransformStream extends TransformStream {
  constructor() {
    super();
  }
}

class FixedLengthStream extends TransformStream {
  constructor(length) {
    let left = Number(length);
    super({
      transform(chunk, controller) {
        left -= chunk.byteLength;
        if (left < 0) throw new TypeError("Attempt to write too many bytes through a FixedLengthStream.");
        controller.enqueue(chunk);
      },
      flush() {
        if (left > 0) throw new TypeError("FixedLengthStream did not see all expected bytes before close().");
      },
    });
  }
}

class TextEncoderStream extends TransformStream {
  constructor() {
    super({ transform: (chunk, controller) => controller.enqueue(toBytes(chunk)) });
  }
  get encoding() {
    return "utf-8";
  }
}

class TextDecoderStream extends TransformStream {
  #decoder;
  constructor(label, options) {
    const decoder = new TextDecoder(label, options);
    const put = (text, controller) => {
      if (text !== "") controller.enqueue(text);
    };
    super({
      transform: (chunk, controller) => put(decoder.decode(chunk, { stream: true }), controller),
      flush: (controller) => put(decoder.decode(), controller),
    });
    this.#decoder = decoder;
  }
  get encoding() {
    return this.#decoder.encoding;
  }
  get fatal() {
    return this.#decoder.fatal;
  }
  get ignoreBOM() {
    return this.#decoder.ignoreBOM;
  }
}

class CountQueuingStrategy {
  constructor({ highWaterMark }) {
    this.highWaterMark = highWaterMark;
  }
  size() {
    return 1;
  }
}

class ByteLengthQueuingStrategy extends CountQueuingStrategy {
  size(chunk) {
    return chunk.byteLength;
  }
}

export const globals = {
  WritableStream,
  WritableStreamDefaultWriter,
  WritableStreamDefaultController,
  TransformStream,
  TransformStreamDefaultController,
  IdentityTransformStream,
  FixedLengthStream,
  TextEncoderStream,
  TextDecoderStream,
  CountQueuingStrategy,
  ByteLengthQueuingStrategy,
};
Object.values(globals).forEach((constructor) => tag(constructor));
