//! Bodies of `POST schedule`.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use slotbench_core::operations::Request;
use slotbench_node::envelope;

fuzz_target!(|input: (Option<&str>, &[u8])| {
    let (content_type, body) = input;
    let mut request = Request::default();
    match envelope::open(Bytes::copy_from_slice(body), content_type, &mut request) {
        Ok(()) => assert!(request.message().is_some()),
        Err(failure) => assert_eq!(failure.status, http::StatusCode::BAD_REQUEST),
    }
});
