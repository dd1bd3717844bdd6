//! Compressed data from anybody: what becomes of it is bounded as all of a guest is.

use facetbox::*;

use crate::{all_end_with, entrypoint, limited};

#[test]
fn expanding_and_compressing_end_at_the_limits() {
    let members = "
        async zeros(mebibytes) {
          let left = mebibytes;
          const pull = (c) => (left-- > 0 ? c.enqueue(new Uint8Array(1 << 20)) : c.close());
          return new Response(new ReadableStream({ pull }).pipeThrough(new CompressionStream('gzip'))).bytes();
        }
        async expand(bytes) {
          return (await new Response(new Response(bytes).body.pipeThrough(new DecompressionStream('gzip'))).bytes()).length;
        }
        async fits() { return this.expand(await this.zeros(2)); }
        async bomb() { return this.expand(await this.zeros(64)); }
        streams() { const all = []; for (;;) all.push(new DecompressionStream('gzip'), new CompressionStream('gzip')); }
        ok() { return 1; }";
    let runtime = limited(&[("memoryBytes", 16 << 20), ("cpuMs", 20_000)]);
    let stub = entrypoint(&runtime, members);
    assert_eq!(stub.call_blocking("fits", vec![]).unwrap(), Value::Int(2 << 20));
    all_end_with(&stub, ErrorCode::LimitMemory, &["bomb", "streams"]);

    let endless = "
        async compress() {
          const data = crypto.getRandomValues(new Uint8Array(65536));
          const { writable, readable } = new CompressionStream('gzip');
          const writer = writable.getWriter();
          (async () => { for await (const _ of readable); })();
          for (;;) await writer.write(data);
        }
        ok() { return 1; }";
    let runtime = limited(&[("cpuMs", 200)]);
    all_end_with(&entrypoint(&runtime, endless), ErrorCode::LimitCpu, &["compress"]);
}
