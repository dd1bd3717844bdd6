//! What programs hold can be sent to threads. Their compilers look 128 types deep for whether it can, unless they say
//! otherwise; this leaves them some of that.

#![recursion_limit = "112"]

use facetbox::{Loader, Namespace, Runtime, Stub};

fn shared<T: Send + Sync>() {}

fn sent<T: Send>(_: T) {}

#[test]
fn handles_and_calls_can_be_sent_to_threads() {
    shared::<(Runtime, Loader, Namespace, Stub)>();
    let _call = |stub: Stub| sent(async move { stub.call("method", vec![]).await });
    let _threads = |objects: &Namespace| {
        std::thread::scope(|scope| {
            let call = || objects.get_by_name("a").call_blocking("method", vec![]);
            drop(scope.spawn(call));
        });
    };
}
