//! Engines that panic on damaged files where they should fail.

use std::any::Any;
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;

use slotbench_core::store::StoreError;

/// Runs `work` of an engine over the files in `dir`, and turns a panic into [`StoreError::Corrupt`].
///
/// Whatever `work` was changing may be left half done: after a panic in a write the store must not be written again.
///
/// # Errors
/// Those of `work`, and [`StoreError::Corrupt`] with the panic's message.
pub fn contained<T>(dir: &Path, work: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
    panic::catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let reason = format!("the engine panicked: {}", message(&*panic));
        Err(StoreError::Corrupt { path: dir.display().to_string(), reason })
    })
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_an_error_that_names_it() {
        let caught = contained::<()>(Path::new("/data"), || panic!("page {} is not a page", 7));
        let said = caught.expect_err("it panicked").to_string();
        assert!(said.contains("/data") && said.contains("page 7 is not a page"), "{said}");
        assert_eq!(contained(Path::new("/data"), || Ok(7)).expect("no panic"), 7);
    }
}
