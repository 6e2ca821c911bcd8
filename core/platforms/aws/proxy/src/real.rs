//! What the real EC2 does and moto does not: it remembers tokens, takes its time, shows what was made late, and refuses to take away what is
//! in use.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use justmanage_played_http::Message;

use crate::answer::{answer as in_xml, refusal};
use crate::wrong::Wrong;
use crate::xml;

/// A call, by its parameters.
pub(crate) type Call = BTreeMap<String, String>;

/// Looks in which an instance is not yet what it comes to be.
const STEPS: usize = 2;
/// Most bytes of first-boot data, before base 64.
const BOOT_MAX: usize = 16 * 1024;
/// Most bytes of a console that are shown: the last ones.
const CONSOLE_MAX: usize = 64 * 1024;
/// Images that moto has, for parameters of Debian and Ubuntu that it has not.
const IMAGES: [(&str, &str); 2] = [("amd64", "ami-785db401"), ("arm64", "ami-1e749f67")];

/// What is known of EC2 beyond what moto knows.
#[derive(Debug, Default)]
pub(crate) struct Real {
    /// Calls that made something by a token, with their answers.
    tokens: BTreeMap<String, (Call, Message)>,
    /// Instances on their way from one stage to another: the stage that is shown, and for how many looks.
    on_the_way: BTreeMap<String, ((u8, &'static str), usize)>,
    /// In how many looks something is missing.
    late: BTreeMap<String, usize>,
    /// How often an instance was started.
    pub(crate) boots: BTreeMap<String, u64>,
    /// What may be called, if not everything.
    pub(crate) granted: Option<BTreeSet<String>>,
    /// Where consoles of instances are that have one.
    pub(crate) consoles: BTreeMap<String, PathBuf>,
    /// What goes wrong now, the calls since then, and how often it did.
    pub(crate) wrong: Option<Wrong>,
    pub(crate) calls: usize,
    pub(crate) struck: usize,
}

/// What becomes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It gets there, and so does its answer.
    Carried,
    /// It gets there, and its answer does not get back.
    Unanswered,
    /// It does not get there.
    Cut,
    /// It is turned away.
    TurnedAway,
}

/// What a call has to be granted.
fn needs(call: &Call) -> Vec<String> {
    let action = call.get("Action").map(String::as_str).unwrap_or_default();
    let mut needs = vec![format!("ec2:{action}")];
    let has = |name: &str| call.keys().any(|key| key.starts_with(name));
    if action == "RunInstances" {
        // EC2 looks a parameter up in the name of whoever calls, hands the role on, and tags what it makes.
        let is_parameter = call.get("ImageId").is_some_and(|image| image.starts_with("resolve:ssm:"));
        needs.extend(is_parameter.then(|| "ssm:GetParameters".to_owned()));
        needs.extend(has("IamInstanceProfile").then(|| "iam:PassRole".to_owned()));
    }
    needs.extend(has("TagSpecification").then(|| "ec2:CreateTags".to_owned()));
    needs
}

impl Real {
    /// What becomes of the call that comes now.
    pub(crate) fn fate(&mut self) -> Fate {
        self.calls += 1;
        let fate = match self.wrong {
            Some(Wrong::AnswerLost(number)) if self.calls == number => Fate::Unanswered,
            Some(Wrong::Throttled(times)) if self.calls <= times => Fate::TurnedAway,
            Some(Wrong::CutOff(number)) if self.calls >= number => Fate::Cut,
            _ => Fate::Carried,
        };
        self.struck += usize::from(fate != Fate::Carried);
        fate
    }

    /// Before moto is asked: an answer without it, or the call as moto takes it. `groups_in_use` are those of instances that are not gone.
    pub(crate) fn before(&mut self, call: &mut Call, groups_in_use: &BTreeSet<String>) -> Option<Message> {
        let get = |call: &Call, name: &str| call.get(name).cloned().unwrap_or_default();
        if let Some(action) = needs(call).into_iter().find(|action| !self.may(action)) {
            let said = format!(
                "You are not authorized to perform this operation. User is not authorized to perform: {action}"
            );
            return Some(refusal(403, "UnauthorizedOperation", &said));
        }
        match get(call, "Action").as_str() {
            "RunInstances" => self.before_run(call),
            // Moto says the same of every instance.
            "GetConsoleOutput" => self.consoles.get(&get(call, "InstanceId")).map(|file| {
                let said = fs::read(file).unwrap_or_default();
                let said = BASE64_STANDARD.encode(&said[said.len().saturating_sub(CONSOLE_MAX)..]);
                let id = get(call, "InstanceId");
                let answer = format!("<instanceId>{id}</instanceId><output>{said}</output>");
                in_xml(200, format!("<GetConsoleOutputResponse>{answer}</GetConsoleOutputResponse>"))
            }),
            "DeleteSecurityGroup" if groups_in_use.contains(&get(call, "GroupId")) => {
                Some(refusal(400, "DependencyViolation", "resource has a dependent object"))
            }
            "DescribeInstances" | "DescribeSecurityGroups" => {
                let ids =
                    call.iter().filter(|(name, _)| name.starts_with("InstanceId.") || name.starts_with("GroupId."));
                let late: Vec<String> = ids.map(|(_, id)| id.clone()).filter(|id| self.is_late(id)).collect();
                late.first().map(|id| {
                    let code =
                        if id.starts_with("i-") { "InvalidInstanceID.NotFound" } else { "InvalidGroup.NotFound" };
                    refusal(400, code, &format!("The ID '{id}' does not exist"))
                })
            }
            _ => None,
        }
    }

    fn may(&self, action: &str) -> bool {
        self.granted.as_ref().is_none_or(|granted| granted.contains(action))
    }

    fn before_run(&mut self, call: &mut Call) -> Option<Message> {
        let token = call.get("ClientToken").cloned().unwrap_or_default();
        if let Some((first, answer)) = self.tokens.get(&token) {
            return Some(match first == call {
                true => answer.clone(),
                false => refusal(400, "IdempotentParameterMismatch", "the token was used with other parameters"),
            });
        }
        let boot = call.get("UserData").map_or(0, |data| data.trim_end_matches('=').len() * 3 / 4);
        if boot > BOOT_MAX {
            return Some(refusal(400, "InvalidParameterValue", "User data is limited to 16384 bytes"));
        }
        match self.wrong {
            Some(Wrong::NoCapacity) => return Some(self.full()),
            Some(Wrong::NoCapacityIn(subnet)) if call.get("SubnetId").is_some_and(|id| id == subnet) => {
                return Some(self.full());
            }
            Some(Wrong::Quota) => {
                self.struck += 1;
                let said = "You have requested more vCPU capacity than your current limit";
                return Some(refusal(400, "VcpuLimitExceeded", said));
            }
            _ => {}
        }
        let image = call.get("ImageId").cloned().unwrap_or_default();
        if let Some(path) = image.strip_prefix("resolve:ssm:") {
            let known = path.starts_with("/aws/service/debian/") || path.starts_with("/aws/service/canonical/");
            let found = IMAGES.iter().find(|(arch, _)| known && path.split('/').any(|part| part == *arch));
            let Some((_, image)) = found else {
                return Some(refusal(400, "InvalidParameterValue", &format!("Parameter not found: {path}")));
            };
            call.insert("ImageId".to_owned(), (*image).to_owned());
        }
        None
    }

    fn full(&mut self) -> Message {
        self.struck += 1;
        let said = "We currently do not have sufficient capacity in the Availability Zone you requested";
        refusal(500, "InsufficientInstanceCapacity", said)
    }

    /// After moto has answered: the answer as EC2 gives it. `asked` is the call as it came.
    pub(crate) fn after(&mut self, asked: &Call, answer: Message) -> Message {
        if answer.status() >= 300 {
            return answer;
        }
        let action = asked.get("Action").map(String::as_str).unwrap_or_default();
        let text = answer.text();
        match action {
            "RunInstances" => {
                if let Some(id) = xml::value(&text, "instanceId") {
                    self.begin(id, (0, "pending"));
                    self.show_late(id);
                }
                let token = asked.get("ClientToken").cloned().unwrap_or_default();
                self.tokens.insert(token, (asked.clone(), answer.clone()));
                answer
            }
            "CreateSecurityGroup" => {
                if let Some(id) = xml::value(&text, "groupId") {
                    self.show_late(id);
                }
                answer
            }
            "StartInstances" => self.changed(asked, answer, (0, "pending")),
            "TerminateInstances" => self.changed(asked, answer, (32, "shutting-down")),
            "DescribeInstances" => {
                let shown = self.visible(&text, "reservationSet", "instanceId");
                let items = xml::items(&shown, "reservationSet");
                let mut staged = shown[..items.first().map_or(0, |first| first.start)].to_owned();
                for item in &items {
                    staged += &self.staged(&shown[item.clone()]);
                }
                staged += &shown[items.last().map_or(0, |last| last.end)..];
                Message { body: staged.into_bytes(), ..answer }
            }
            "DescribeSecurityGroups" => {
                let shown = self.visible(&text, "securityGroupInfo", "groupId");
                Message { body: shown.into_bytes(), ..answer }
            }
            _ => answer,
        }
    }

    fn changed(&mut self, asked: &Call, answer: Message, stage: (u8, &'static str)) -> Message {
        for (_, id) in asked.iter().filter(|(name, _)| name.starts_with("InstanceId.")) {
            self.begin(id, stage);
            if stage.1 == "pending" {
                *self.boots.entry(id.clone()).or_insert(1) += 1;
            }
        }
        answer
    }

    /// An instance is on its way. One that is going is not started on its way again.
    fn begin(&mut self, id: &str, stage: (u8, &'static str)) {
        self.on_the_way
            .entry(id.to_owned())
            .and_modify(|(now, looks)| {
                if *now != stage {
                    (*now, *looks) = (stage, STEPS);
                }
            })
            .or_insert((stage, STEPS));
    }

    /// Whether this is still on its way, for whoever looks from behind.
    pub(crate) fn stage(&self, id: &str) -> Option<&'static str> {
        self.on_the_way.get(id).filter(|(_, looks)| *looks > 0).map(|((_, name), _)| *name)
    }

    fn staged(&mut self, item: &str) -> String {
        let Some(id) = xml::value(item, "instanceId").map(str::to_owned) else { return item.to_owned() };
        match self.on_the_way.get_mut(&id) {
            Some((stage, looks)) if *looks > 0 => {
                *looks -= 1;
                let (code, name) = *stage;
                xml::with(item, "instanceState", &format!("<code>{code}</code><name>{name}</name>"))
            }
            _ => item.to_owned(),
        }
    }

    fn show_late(&mut self, id: &str) {
        if let Some(Wrong::NotVisible(looks)) = self.wrong {
            self.late.insert(id.to_owned(), looks);
        }
    }

    /// Whether something is missing in this look.
    fn is_late(&mut self, id: &str) -> bool {
        match self.late.get_mut(id).filter(|looks| **looks > 0) {
            Some(looks) => {
                *looks -= 1;
                self.struck += 1;
                true
            }
            None => false,
        }
    }

    fn visible(&mut self, text: &str, list: &str, id: &str) -> String {
        let mut late = Vec::new();
        for item in xml::items(text, list) {
            if xml::value(&text[item.clone()], id).map(str::to_owned).is_some_and(|id| self.is_late(&id)) {
                late.push(item);
            }
        }
        xml::without(text, &late)
    }

    /// From now on nothing goes wrong any more, and everything is seen.
    pub(crate) fn heal(&mut self) -> usize {
        self.late.clear();
        self.wrong = None;
        std::mem::take(&mut self.struck)
    }
}
