//! When two values are the same for Terraform, and an order that makes comparing sets cheap.

use std::cmp::Ordering;

use super::Value;

impl Value {
    /// Whether Terraform would call the two equal: sets without regard to order, numbers by value, unknown values
    /// without regard to what is promised about them. Unknown is the same as unknown only.
    pub fn same(&self, other: &Self) -> bool {
        self.order(other) == Ordering::Equal
    }

    /// Removes elements that are the same as an earlier one. Unknown elements stay: they may turn out to differ.
    pub fn dedupe(elements: &mut Vec<Self>) {
        if elements.len() < 2 {
            return;
        }
        let mut positions: Vec<usize> = (0..elements.len()).collect();
        positions.sort_by(|&a, &b| elements[a].order(&elements[b]));
        let mut duplicate = vec![false; elements.len()];
        for pair in positions.windows(2) {
            let (earlier, later) = (&elements[pair[0]], &elements[pair[1]]);
            // The sort is stable, so of equal elements the first stays.
            duplicate[pair[1]] = earlier.same(later) && earlier.is_wholly_known();
        }
        let mut position = 0;
        elements.retain(|_| {
            position += 1;
            !duplicate[position - 1]
        });
    }

    /// A total order in which values that are the [same](Value::same) are equal. It means nothing else.
    pub(crate) fn order(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Bool(a), Self::Bool(b)) => a.cmp(b),
            (Self::Number(a), Self::Number(b)) => a.cmp(b),
            (Self::String(a), Self::String(b)) => a.cmp(b),
            (Self::List(a), Self::List(b)) | (Self::Tuple(a), Self::Tuple(b)) => order_lists(a.iter(), b.iter()),
            (Self::Set(a), Self::Set(b)) => order_sets(a, b),
            (Self::Map(a), Self::Map(b)) => order_pairs(a.iter(), b.iter()),
            (Self::Object(a), Self::Object(b)) if a.same_names(b) => order_lists(a.values().iter(), b.values().iter()),
            (Self::Object(a), Self::Object(b)) => order_pairs(a.iter(), b.iter()),
            (Self::Dynamic(a), Self::Dynamic(b)) => {
                let types = || if a.0 == b.0 { Ordering::Equal } else { a.0.to_json().cmp(&b.0.to_json()) };
                a.1.order(&b.1).then_with(types)
            }
            (a, b) => a.rank().cmp(&b.rank()),
        }
    }

    fn rank(&self) -> u8 {
        match self {
            Self::Null => 0,
            Self::Unknown(_) => 1,
            Self::Bool(_) => 2,
            Self::Number(_) => 3,
            Self::String(_) => 4,
            Self::List(_) => 5,
            Self::Set(_) => 6,
            Self::Tuple(_) => 7,
            Self::Map(_) => 8,
            Self::Object(_) => 9,
            Self::Dynamic(_) => 10,
        }
    }
}

fn order_lists<'a>(mut a: impl Iterator<Item = &'a Value>, mut b: impl Iterator<Item = &'a Value>) -> Ordering {
    loop {
        match (a.next(), b.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(a), Some(b)) => match a.order(b) {
                Ordering::Equal => {}
                different => return different,
            },
        }
    }
}

fn order_sets(a: &[Value], b: &[Value]) -> Ordering {
    // Core sends the elements in one order every time, so this is nearly always enough. It is not `order`, which would come
    // here again for sets in these: two such walks at each level double the work with each.
    if a == b {
        return Ordering::Equal;
    }
    if a.len() != b.len() {
        return a.len().cmp(&b.len());
    }
    let sorted = |elements: &'_ [Value]| {
        let mut positions: Vec<usize> = (0..elements.len()).collect();
        positions.sort_by(|&x, &y| elements[x].order(&elements[y]));
        positions
    };
    let (a_order, b_order) = (sorted(a), sorted(b));
    order_lists(a_order.iter().map(|&position| &a[position]), b_order.iter().map(|&position| &b[position]))
}

fn order_pairs<'a, K: Ord>(
    mut a: impl Iterator<Item = (K, &'a Value)>,
    mut b: impl Iterator<Item = (K, &'a Value)>,
) -> Ordering {
    loop {
        let order = match (a.next(), b.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some((key, value)), Some((other_key, other))) => key.cmp(&other_key).then_with(|| value.order(other)),
        };
        if order != Ordering::Equal {
            return order;
        }
    }
}
