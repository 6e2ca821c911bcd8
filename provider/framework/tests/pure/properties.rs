//! Whatever the schema and the configuration: the plan is one that core accepts, and so is what applying makes of it.

use proptest::prelude::*;
use tfkit::check::{self, Answer};
use tfkit::plan::{Action, Planned, plan};
use tfkit::schema::Schema;
use tfkit::{Type, Value};

use crate::generate::Dice;

/// One resource and its history.
struct Story {
    schema: Schema,
    ty: Type,
    dice: Dice,
}

impl Story {
    fn new(seed: u64) -> Self {
        let mut dice = Dice(seed);
        let schema = dice.schema();
        assert_eq!(schema.check(), []);
        let ty = schema.object_type();
        Self { schema, ty, dice }
    }

    fn plan(&self, prior: &Value, config: &Value) -> Planned {
        // Of the proposed state only its absence counts.
        let planned = plan(&self.schema, prior, config, config);
        let violations = check::planned(&self.schema, prior, config, &planned);
        assert_eq!(
            violations,
            [],
            "schema {:#?}\nprior {prior:#?}\nconfig {config:#?}\nplanned {planned:#?}",
            self.schema
        );
        planned
    }

    /// Nothing is to be done for a configuration that was applied, and the plan says so with the prior state itself.
    fn settled(&self, state: &Value, config: &Value) {
        let again = self.plan(state, config);
        assert_eq!(again.action, Action::Nothing, "{:#?}\n{state:?}\n{config:?}\n{:?}", self.schema, again.value);
        assert_eq!(&again.value, state);
        assert_eq!(again.requires_replace, []);
    }

    /// Plan, decide the configuration, plan again, apply.
    fn apply(&mut self, prior: &Value, config: &Value) -> (Value, Value) {
        let first = self.plan(prior, config);
        let config = self.dice.decide(config, &self.ty);
        let second = self.plan(prior, &config);
        let (one, two) = (&first.value, &second.value);
        assert_eq!(
            check::replanned(one, two),
            [],
            "schema {:#?}\nprior {prior:#?}\nfirst {one:#?}\nsecond {two:#?}",
            self.schema
        );
        // An update that turned into a replacement would be refused by core.
        if second.action == Action::Update && first.requires_replace.is_empty() {
            assert_eq!(second.requires_replace, [], "{:#?}\n{prior:?}\n{one:?}\n{two:?}", self.schema);
        }
        let new = self.dice.decide(two, &self.ty);
        // Stored and read back, as at every refresh; that also drops what was decided for write-only attributes.
        let json = tfkit::wire::json::encode(&new, &self.ty).unwrap();
        let new = tfkit::wire::json::from_state_json(&json, &self.schema).unwrap();
        assert_eq!(check::applied(&self.schema, two, &new), [], "planned {two:#?}\nnew {new:#?}");
        assert_eq!(check::state(&self.schema, &new, Answer::Read), []);
        (config, new)
    }
}

proptest! {
    // PROPTEST_CASES asks for more.
    #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases.max(2000)))]

    #[test]
    fn every_plan_passes_the_checks_and_so_does_what_is_made_of_it(seed: u64) {
        let mut story = Story::new(seed);
        let config = story.dice.config(&story.schema, 5);
        let (config, state) = story.apply(&Value::Null, &config);

        story.settled(&state, &config);

        // Another configuration; then the first one once more.
        let unknowns = story.dice.roll(6);
        let other = story.dice.config(&story.schema, unknowns);
        let (other, state) = story.apply(&state, &other);
        story.settled(&state, &other);
        let (config, state) = story.apply(&state, &config);
        story.settled(&state, &config);

        // The end.
        let destroy = plan(&story.schema, &state, &Value::Null, &Value::Null);
        prop_assert_eq!(destroy.action, Action::Destroy);
        prop_assert_eq!(check::planned_destroy(&destroy.value), []);
    }

    #[test]
    fn a_plan_is_pure(seed: u64) {
        let mut story = Story::new(seed);
        let config = story.dice.config(&story.schema, 4);
        let (_, state) = story.apply(&Value::Null, &config);
        let other = story.dice.config(&story.schema, 4);
        prop_assert_eq!(story.plan(&state, &other), story.plan(&state, &other));
    }

    #[test]
    fn a_change_of_anything_known_is_noticed_at_apply(seed: u64) {
        let mut story = Story::new(seed);
        let config = story.dice.config(&story.schema, 0);
        let (_, state) = story.apply(&Value::Null, &config);
        let planned = story.plan(&state, &config).value;
        let mut places = Vec::new();
        planned.walk(&mut |path, value| {
            if matches!(value, Value::String(_) | Value::Number(_) | Value::Bool(_)) {
                places.push(path.clone());
            }
        });
        for place in places {
            let mut new = planned.clone();
            let other = match new.get(&place) {
                Some(Value::String(text)) => format!("{text}!").into(),
                Some(Value::Number(_)) => 99.into(),
                _ => Value::Null,
            };
            prop_assert!(new.set(&place, other).is_some());
            prop_assert!(!check::applied(&story.schema, &planned, &new).is_empty(), "{place} of {planned:#?}");
        }
    }
}
