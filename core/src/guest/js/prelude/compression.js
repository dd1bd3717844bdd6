// Streams that compress and expand.

import { bytesOf, native, tag } from "facetbox:base";
import { pipes } from "facetbox:lazy";

const { coder, coder_step: step, coder_end: end } = native.late("compress");
const { TransformStream } = pipes.use().globals;

const FORMATS = ["gzip", "deflate", "deflate-raw"];
const PIECE = 65_536;

/** Puts a chunk through, piece by piece. */
function through(code, chunk, controller) {
  const bytes = bytesOf(chunk, "A chunk of data to compress or expand");
  for (let at = 0; at < bytes.length; ) {
    const [output, used] = step(code, bytes.subarray(at, at + PIECE));
    if (output.length > 0) controller.enqueue(output);
    at += used;
  }
}

function transformer(format, expands) {
  if (!FORMATS.includes(`${format}`)) {
    throw new TypeError("The compression format must be either 'deflate', 'deflate-raw' or 'gzip'.");
  }
  const code = coder(`${format}`, expands);
  return {
    transform: (chunk, controller) => through(code, chunk, controller),
    flush(controller) {
      const output = end(code);
      if (output.length > 0) controller.enqueue(output);
    },
  };
}

class CompressionStream extends TransformStream {
  constructor(format) {
    super(transformer(format, false));
  }
}

class DecompressionStream extends TransformStream {
  constructor(format) {
    super(transformer(format, true));
  }
}

export const globals = { CompressionStream, DecompressionStream };
Object.values(globals).forEach((constructor) => tag(constructor));
