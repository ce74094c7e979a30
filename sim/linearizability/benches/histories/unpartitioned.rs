//! The same map as one object: what its partition is worth.

use std::collections::BTreeMap;

use linearizability::{
    Model,
    recorded::{AppendCall, AppendMap},
};

pub(crate) struct WholeMap;

impl Model for WholeMap {
    type State = BTreeMap<String, String>;
    type Call = AppendCall;
    type Return = Option<String>;

    fn initial() -> Self::State {
        BTreeMap::new()
    }

    fn step(
        state: &Self::State,
        call: &AppendCall,
        returned: Option<&Option<String>>,
    ) -> Option<Self::State> {
        let absent = AppendMap::initial();
        let held = state.get(&call.key).unwrap_or(&absent);
        let after = AppendMap::step(held, call, returned)?;
        let mut state = state.clone();
        state.insert(call.key.clone(), after);
        Some(state)
    }

    fn is_read(call: &AppendCall, returned: &Option<String>) -> bool {
        AppendMap::is_read(call, returned)
    }

    fn can_answer(
        state: &Self::State,
        call: &AppendCall,
        returned: &Option<String>,
        between: &mut dyn Iterator<Item = &AppendCall>,
    ) -> bool {
        let absent = AppendMap::initial();
        AppendMap::can_answer(state.get(&call.key).unwrap_or(&absent), call, returned, between)
    }
}
