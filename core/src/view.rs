//! Binary data that is more than bytes in JavaScript.

/// What bytes are in JavaScript, if not a `Uint8Array`; its name there. The numbers are stored, little-endian content too.
#[expect(missing_docs, reason = "they have the names of JavaScript's classes")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum View {
    ArrayBuffer = 0,
    DataView = 1,
    Int8Array = 2,
    Uint8ClampedArray = 3,
    Int16Array = 4,
    Uint16Array = 5,
    Int32Array = 6,
    Uint32Array = 7,
    Float16Array = 8,
    Float32Array = 9,
    Float64Array = 10,
    BigInt64Array = 11,
    BigUint64Array = 12,
}

impl View {
    const ALL: [View; 13] = [
        View::ArrayBuffer,
        View::DataView,
        View::Int8Array,
        View::Uint8ClampedArray,
        View::Int16Array,
        View::Uint16Array,
        View::Int32Array,
        View::Uint32Array,
        View::Float16Array,
        View::Float32Array,
        View::Float64Array,
        View::BigInt64Array,
        View::BigUint64Array,
    ];

    /// The one of that number.
    pub(crate) fn of_number(number: u8) -> Option<View> {
        View::ALL.get(usize::from(number)).copied()
    }

    /// The one of that name in JavaScript.
    #[cfg(feature = "quickjs")]
    pub(crate) fn of_name(name: &str) -> Option<View> {
        View::ALL.into_iter().find(|view| format!("{view:?}") == name)
    }

    /// The size of its items.
    pub(crate) fn item_bytes(self) -> usize {
        match self {
            View::ArrayBuffer | View::DataView | View::Int8Array | View::Uint8ClampedArray => 1,
            View::Int16Array | View::Uint16Array | View::Float16Array => 2,
            View::Int32Array | View::Uint32Array | View::Float32Array => 4,
            View::Float64Array | View::BigInt64Array | View::BigUint64Array => 8,
        }
    }
}
