//! Whole numbers that a double can't hold, in the key-value storage of a Luau guest.

use facetbox::{Result, Runtime, Value};

use crate::support::{app, own};

#[test]
fn whole_numbers_beyond_doubles_come_back_from_the_key_value_storage() -> Result<()> {
    let runtime = Runtime::open_in_memory()?;
    let stub = own(
        &runtime,
        app("function App:read(value)
            local storage = self.ctx.storage
            storage.kv:put('a', value)
            storage:put('b', 2 ^ 60)
            local read = { storage.kv:get('a'), storage.kv:get('b'), storage:get('a') }
            for _, number in storage.kv:list() do table.insert(read, number) end
            for _, pair in storage:list() do
                table.insert(read, if type(pair) == 'table' then pair[2] else pair)
            end
            return read
        end"),
    )?;
    for number in [i64::MIN, i64::MAX, (1 << 53) + 1] {
        let read = stub.call_blocking("read", vec![number.into()])?;
        let [a, b] = [Value::Int(number), Value::Int(1 << 60)];
        let expected = vec![a.clone(), b.clone(), a.clone(), a.clone(), b.clone(), a, b];
        assert_eq!(read, Value::List(expected));
    }
    Ok(())
}
