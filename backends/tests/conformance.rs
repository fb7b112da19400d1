//! Every engine that is built in, through every check of the conformance suite.

use slotbench_backends::{Kind, Options};
use slotbench_core::testing::conformance::{self, Subject};

fn subject(name: &str) -> Subject {
    let kind = Kind::find(name).expect("the test's own gate names a feature that is on");
    let open = move |dir: &std::path::Path| kind.open(dir, &Options::default());
    Subject::new(kind.is_persistent(), open).within(env!("CARGO_TARGET_TMPDIR"))
}

/// One test for each check, on `subject()` of the module around.
macro_rules! tests {
    ($($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                conformance::assert(&subject(), stringify!($name));
            }
        )*
    };
}

macro_rules! engines {
    ($($(#[$gate:meta])* $engine:ident;)*) => {
        $(
            $(#[$gate])*
            mod $engine {
                use super::conformance::{self, Subject};

                fn subject() -> Subject {
                    super::subject(stringify!($engine))
                }

                slotbench_core::each_conformance_check!(tests);

                #[test]
                fn c098_every_check_fails_on_a_store_that_ignores_everything() {
                    assert_eq!(conformance::gullible(subject()), Vec::<&str>::new());
                }

                mod chain_of_two {
                    use super::conformance::{self, Subject};

                    fn subject() -> Subject {
                        super::subject().chained()
                    }

                    slotbench_core::each_conformance_check!(tests);
                }
            }
        )*

        /// The engines tested here.
        const TESTED: &[&str] = &[$($(#[$gate])* stringify!($engine),)*];
    };
}

engines! {
    #[cfg(feature = "fs")] fs;
    #[cfg(feature = "rocksdb")] rocksdb;
    #[cfg(feature = "sled")] sled;
    #[cfg(feature = "redb")] redb;
    #[cfg(feature = "fjall")] fjall;
    #[cfg(feature = "lmdb")] lmdb;
    memory;
}

#[test]
fn every_engine_but_null_is_tested() {
    let built_in: Vec<&str> = slotbench_backends::KINDS.iter().map(Kind::name).filter(|name| *name != "null").collect();
    assert_eq!(TESTED, built_in);
}
