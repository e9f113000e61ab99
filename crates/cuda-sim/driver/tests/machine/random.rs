//! Calls in any order, with any handles: nothing panics, nothing hangs.

use proptest::prelude::*;

use crate::wild::{Step, Wild};

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = (0..Step::KINDS, any::<u8>(), any::<u8>(), any::<bool>());
    let step = step.prop_map(|(what, a, b, thread)| Step { what, a, b, thread });
    prop::collection::vec(step, 1..200)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn calls_in_any_order_come_to_an_end(steps in steps()) {
        let mut wild = Wild::new();
        for step in steps {
            // What the answer is, is another test's business.
            let _ = wild.step(step);
        }
        wild.end();
    }
}
