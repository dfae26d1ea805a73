//! Artifacts between Python values and the artifact room, sharing memory in both directions.
//!
//! Owns: the plain form of Python values, the columns of frames, payloads as Python memory.
//! Must not: decide which encoding a value gets (`pave/_artifacts.py` does); run the user's code.
//! Start reading at: `encoded.rs` (values on their way in), `payload.rs` (on their way out).
//! Tested by: `python/tests/artifacts`.

use pyo3::prelude::*;

mod calendar;
mod capsule;
mod column;
mod decode;
mod encode;
mod encoded;
mod fault;
mod frame;
mod memory;
mod payload;
mod store;
mod text;

/// Adds this module's classes and functions.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add(
        "ArtifactFault",
        module.py().get_type::<fault::ArtifactFault>(),
    )?;
    module.add_class::<column::Column>()?;
    module.add_class::<encoded::Encoded>()?;
    module.add_class::<encoded::Items>()?;
    module.add_class::<frame::Frame>()?;
    module.add_class::<memory::Memory>()?;
    module.add_class::<payload::Payload>()?;
    module.add_class::<store::Store>()?;
    module.add_function(wrap_pyfunction!(decode::plain_value, module)?)?;
    module.add_function(wrap_pyfunction!(encode::plain_bytes, module)?)?;
    module.add_function(wrap_pyfunction!(store::entry_info, module)?)?;
    module.add_function(wrap_pyfunction!(store::manifest_pack, module)?)?;
    module.add_function(wrap_pyfunction!(store::manifest_unpack, module)?)
}
