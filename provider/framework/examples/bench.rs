//! What planning costs: `bench rate RUNS` and `bench memory`, for `cargo xtask bench`. Started by a host, it is the provider.

#![allow(clippy::print_stdout)] // what it measured

use std::collections::BTreeMap;
use std::process::ExitCode;

use rustix::time::{ClockId, clock_gettime};
use tfkit::plugin::Options;
use tfkit::schema::Schema;
use tfkit::testing::Launch;
use tfkit::wire::msgpack;
use tfkit::{Attr, Cx, Diagnostics, Failed, Model, Number, Plan, Provider, Resource, Value, async_trait};
use tfkit_proto::tfplugin6::provider_server::Provider as _;
use tfkit_proto::tfplugin6::{DynamicValue, plan_resource_change};

/// A firewall, say.
#[derive(Model)]
struct Firewall {
    /// Its name.
    #[tf(required, replace)]
    name: String,
    /// Its id.
    #[tf(computed, keep)]
    id: Attr<String>,
    /// When it was last changed.
    #[tf(computed)]
    changed: Attr<String>,
    /// Its labels.
    #[tf(optional)]
    labels: Option<BTreeMap<String, String>>,
    /// Its rules, in order.
    #[tf(optional)]
    rules: Option<Vec<Rule>>,
    /// Where it stands.
    #[tf(optional)]
    zones: Option<BTreeMap<String, Zone>>,
}

/// A rule.
#[derive(Model)]
struct Rule {
    /// Its name.
    #[tf(required)]
    name: String,
    /// From which port.
    #[tf(required)]
    from: u16,
    /// To which port.
    #[tf(optional)]
    to: Option<u16>,
    /// `tcp` or `udp`.
    #[tf(default = "tcp")]
    protocol: String,
    /// Addresses.
    #[tf(optional)]
    sources: Option<Vec<String>>,
    /// How much it counts.
    #[tf(optional)]
    weight: Option<Number>,
}

/// A zone.
#[derive(Model)]
struct Zone {
    /// Its network.
    #[tf(required)]
    network: String,
    /// Its size.
    #[tf(optional)]
    size: Option<i64>,
}

struct Firewalls;

#[async_trait]
impl Resource for Firewalls {
    type Model = Firewall;
    type Client = ();
    const TYPE: &'static str = "firewall";

    async fn create(&self, _: &Cx<(), Firewall>, plan: Plan<Firewall>) -> Result<Firewall, Failed<Firewall>> {
        Ok(plan.planned)
    }

    async fn read(&self, _: &Cx<(), Firewall>, state: Firewall) -> Result<Option<Firewall>, Diagnostics> {
        Ok(Some(state))
    }

    async fn update(
        &self,
        _: &Cx<(), Firewall>,
        _: Firewall,
        plan: Plan<Firewall>,
    ) -> Result<Firewall, Failed<Firewall>> {
        Ok(plan.planned)
    }

    async fn delete(&self, _: &Cx<(), Firewall>, _: Firewall) -> Result<(), Failed<Firewall>> {
        Ok(())
    }
}

/// A firewall with so many rules, half as many labels, and a tenth as many zones.
fn firewall(rules: usize, stored: bool) -> Value {
    let computed = |text: &str| if stored { Value::from(text) } else { Value::Null };
    let number = |number: usize| Value::Number(Number::from(u64::try_from(number).unwrap_or(u64::MAX)));
    let rule = |i: usize| {
        let weight = if i.is_multiple_of(4) { format!("0.{i}1") } else { i.to_string() };
        let sources = (0..3).map(|net| format!("10.{}.{}.0/24", i % 250, net * 7 % 250));
        Value::object([
            ("name", format!("allow traffic of service number {i}").into()),
            ("from", number(1000 + i % 60_000)),
            ("to", if i.is_multiple_of(3) { Value::Null } else { number(1001 + i % 60_000) }),
            ("protocol", if stored || i.is_multiple_of(2) { "tcp".into() } else { Value::Null }),
            ("sources", Value::list(sources)),
            ("weight", weight.parse::<Number>().map_or(Value::Null, Value::Number)),
        ])
    };
    let label = |i: usize| (format!("label-{i}"), Value::from(format!("value of the label {i}")));
    let zone = |i: usize| {
        let network = format!("172.16.{}.0/24", i % 256);
        (format!("zone-{i}"), Value::object([("network", Value::from(network)), ("size", number(i))]))
    };
    Value::object([
        ("name", "main".into()),
        ("id", computed("fw-1")),
        ("changed", computed("2026-11-21T00:00:00Z")),
        ("labels", Value::map((0..rules / 2).map(label))),
        ("rules", Value::list((0..rules).map(rule))),
        ("zones", Value::map((0..rules / 10).map(zone))),
    ])
}

fn provider() -> Provider<()> {
    Provider::new("bench").without_config().resource(Firewalls)
}

fn message(value: &Value) -> DynamicValue {
    let msgpack = tfkit::wire::msgpack::encode(value, &Firewall::block().object_type());
    DynamicValue { msgpack: msgpack.unwrap_or_default().into(), json: Default::default() }
}

/// Seconds that this thread has computed so far; what others do on the machine is not counted.
fn computed() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    std::time::Duration::try_from(time).unwrap_or_default().as_secs_f64()
}

/// What one thing took, each time.
#[derive(Default)]
struct Times(Vec<f64>);

impl Times {
    fn since(&mut self, began: f64) {
        self.0.push(computed() - began);
    }

    fn median(mut self) -> f64 {
        self.0.sort_by(f64::total_cmp);
        self.0[self.0.len() / 2]
    }
}

/// Plans an update of a resource of 1 MiB, and prints its bytes, and in seconds: to decode its configuration, plan and encode
/// the plan; the whole call, with the prior state, the author's typed view of the change, and all checks; and as a peer,
/// what serde_json needs to read and write the resource.
async fn rate(runs: usize) -> Result<(), Box<dyn std::error::Error>> {
    let service = provider().into_service()?;
    let schema = Schema { version: 0, block: Firewall::block() };
    let ty = schema.object_type();
    let (mut rules, mut state) = (1000, Value::Null);
    while message(&state).msgpack.len() < 1 << 20 {
        rules += 50;
        state = firewall(rules, true);
    }
    let mut changed = firewall(rules, false);
    let _ = changed.set(&tfkit::Path::attribute("rules").index(7).attr("from"), 1.into());
    let request = plan_resource_change::Request {
        type_name: "bench_firewall".to_owned(),
        prior_state: Some(message(&state)),
        proposed_new_state: Some(message(&changed)),
        config: Some(message(&changed)),
        ..Default::default()
    };
    let json = tfkit::wire::json::encode(&state, &ty)?;
    let (sent, bytes) = (message(&changed).msgpack, message(&state).msgpack.len());
    let state = msgpack::decode(&message(&state).msgpack, &ty)?;
    let (mut pieces, mut calls, mut peers) = (Times::default(), Times::default(), Times::default());
    for _ in 0..runs {
        let began = computed();
        let config = msgpack::decode(&sent, &ty)?;
        let planned = tfkit::plan::plan(&schema, &state, &config, &config);
        let written = msgpack::encode(&planned.value, &ty)?;
        pieces.since(began);

        let began = computed();
        let answer = service.plan_resource_change(tonic::Request::new(request.clone())).await?.into_inner();
        calls.since(began);
        if let Some(wrong) = answer.diagnostics.first() {
            return Err(wrong.detail.clone().into());
        }
        assert_eq!(answer.planned_state.unwrap_or_default().msgpack, written, "both have done the same");

        let began = computed();
        let parsed: serde_json::Value = serde_json::from_slice(&json)?;
        let written = serde_json::to_vec(&parsed)?;
        peers.since(began);
        assert!(written.len() > 1 << 20, "it has done its work");
    }
    println!("{bytes} {} {} {}", pieces.median(), calls.median(), peers.median());
    Ok(())
}

/// Plans in a process, and prints what it keeps in memory (KiB) after 1,000 and after 10,000 plans.
async fn memory() -> Result<(), Box<dyn std::error::Error>> {
    let mut host = Launch::new(std::env::current_exe()?).start().await?;
    let pid = host.process().and_then(|process| process.pid()).ok_or("the provider ended")?;
    let config = firewall(50, false);
    let mut kept = Vec::new();
    for plans in 1..=10_000 {
        host.plan("bench_firewall", None, &config).await?;
        if plans == 1_000 || plans == 10_000 {
            let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
            let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
            kept.push(line.trim().trim_end_matches(" kB").to_owned());
        }
    }
    host.shutdown().await?;
    println!("{}", kept.join(" "));
    Ok(())
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let runtime = tokio::runtime::Runtime::new();
    let done = match (&arguments[..], runtime) {
        (["rate", runs], Ok(runtime)) => runtime.block_on(rate(runs.parse().unwrap_or(15))),
        (["memory"], Ok(runtime)) => runtime.block_on(memory()),
        _ => return provider().serve(Options::new("example.test/justmanage/bench")),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
