//! The data source `justmanage_releases`: what is known about releases, from the embedded catalogue.

mod model;

use justmanage_model::{Engine, Failure, FieldPath, Line, PackageRevision, Release, ReleaseTarget, Version};
use justmanage_releases::{Vulnerabilities, Vulnerability, catalogue, upgrades, vulnerabilities};
use tfkit::model::View;
use tfkit::{Cx, DataSource, Diagnostics, async_trait};

use crate::diagnostics;
use crate::settings::Client;
use model::{HoleData, LineData, ReleasesData, UpgradeData};

/// The data source.
pub(crate) struct Releases;

#[async_trait]
impl DataSource for Releases {
    type Model = ReleasesData;
    type Client = Client;
    const TYPE: &'static str = "releases";

    fn validate(&self, config: &View<ReleasesData>, report: &mut Diagnostics) {
        let engine = config.engine.known().and_then(|text| text.parse::<Engine>().ok());
        let target = config.version.known().and_then(|text| text.parse::<ReleaseTarget>().ok());
        if let (Some(engine), Some(target)) = (engine, target)
            && let Some(failure) = catalogue::check_target(engine, target)
        {
            report.push(diagnostics::error(&failure));
        }
        if config.version.is_unknown() {
            return;
        }
        let package = config.package.known().filter(|package| package.parse::<PackageRevision>().is_ok());
        if let Some(failure) = package.and_then(|package| wrong_package(target, package)) {
            report.push(diagnostics::error(&failure));
        }
    }

    async fn read(&self, _: &Cx<Client, ReleasesData>, config: ReleasesData) -> Result<ReleasesData, Diagnostics> {
        let failed = |failure: Failure| Diagnostics::from(diagnostics::error(&failure));
        let invalid =
            |name: &'static str| move |invalid: justmanage_model::failure::Invalid| invalid.at(FieldPath::of(name));
        let engine = catalogue::check_engine(&config.engine).map_err(failed)?;
        let target = match &config.version {
            Some(text) => text.parse().map_err(invalid("version")).map_err(failed)?,
            None => ReleaseTarget::LatestPatch(catalogue::newest_line(engine)),
        };
        if let Some(failure) = catalogue::check_target(engine, target) {
            return Err(failed(failure));
        }
        let package: Option<PackageRevision> =
            config.package.as_deref().map(str::parse).transpose().map_err(invalid("package")).map_err(failed)?;
        Ok(config.answered(engine, target, package))
    }
}

impl ReleasesData {
    fn answered(mut self, engine: Engine, target: ReleaseTarget, package: Option<PackageRevision>) -> Self {
        let newest = catalogue::latest_patch(engine, target.line());
        self.catalogue_date = catalogue::as_of().to_string().into();
        self.lines =
            catalogue::lines(engine).into_iter().map(|line| line_data(engine, line)).collect::<Vec<_>>().into();
        self.latest_patch = newest.map(|version| version.to_string()).into();
        let meant = match target {
            ReleaseTarget::Exactly(version) => Some(version),
            ReleaseTarget::LatestPatch(_) => newest,
        };
        let newer = meant.map(|version| upgrades(engine, version)).unwrap_or_default();
        self.upgrades = newer.into_iter().map(upgrade_data).collect::<Vec<_>>().into();
        let known = meant.map(|version| vulnerabilities(&Release { engine, version, package }));
        let (holes, why, perhaps) = match known {
            Some(Vulnerabilities::Known(holes)) => (Some(hole_data(holes)), None, Vec::new()),
            Some(Vulnerabilities::NotKnown { why, perhaps }) => (None, Some(format!("{why}.")), hole_data(perhaps)),
            None => (None, None, Vec::new()),
        };
        self.known_vulnerabilities = holes.into();
        self.vulnerabilities_not_known = why.into();
        self.possible_vulnerabilities = perhaps.into();
        self
    }
}

fn line_data(engine: Engine, line: Line) -> LineData {
    let newest = catalogue::latest_patch(engine, line);
    let date = newest.and_then(|version| catalogue::released(engine, version)).map(|(date, _)| date.to_string());
    let end = catalogue::end_of_life(engine, line);
    LineData {
        line: line.to_string().into(),
        latest_patch: newest.map(|version| version.to_string()).into(),
        date: date.into(),
        end_of_life: end.map(|end| end.to_string()).into(),
        end_of_life_passed: end.is_some_and(|end| end < catalogue::as_of()).into(),
    }
}

fn upgrade_data(upgrade: justmanage_releases::Upgrade) -> UpgradeData {
    UpgradeData {
        version: upgrade.version.to_string().into(),
        date: upgrade.date.to_string().into(),
        urgency: upgrade.urgency.map(|urgency| urgency.as_str().to_owned()).into(),
        cves: upgrade.cves.to_vec().into(),
        summary: upgrade.to_string().into(),
    }
}

fn hole_data(holes: Vec<Vulnerability>) -> Vec<HoleData> {
    let one = |hole: Vulnerability| HoleData {
        cve: hole.cve.into(),
        fixed_in: hole.fixed_in.map(|version| version.to_string()).into(),
        fixed_in_package: hole.fixed_in_package.into(),
        urgency: hole.urgency.map(|urgency| urgency.as_str().to_owned()).into(),
    };
    holes.into_iter().map(one).collect()
}

/// What is wrong with a package beside a version.
fn wrong_package(target: Option<ReleaseTarget>, package: &str) -> Option<Failure> {
    let failure = |detail: String, hint: &str| {
        Some(Failure::at(FieldPath::of("package"), "Package does not fit the version", detail).hint(hint))
    };
    match target {
        Some(ReleaseTarget::Exactly(version)) if is_of(package, version) => None,
        Some(ReleaseTarget::Exactly(version)) => failure(
            format!("The package {package} is not one of {version}."),
            "A package's version holds that of what is in it: 5:7.0.15-1~deb12u9 is a package of 7.0.15.",
        ),
        Some(ReleaseTarget::LatestPatch(line)) => failure(
            format!("A package is made of one exact version, and {line} is a line."),
            "Write the exact version that the package is of, such as \"7.0.15\" for 5:7.0.15-1~deb12u9.",
        ),
        None => failure(
            format!("The package {package} alone does not say which version it is of."),
            "Give the exact `version`, too, such as \"7.0.15\" for 5:7.0.15-1~deb12u9.",
        ),
    }
}

/// Whether a package is one of a version: `[epoch:]version`, and then anything but more of the version.
fn is_of(package: &str, version: Version) -> bool {
    let without_epoch = package.split_once(':').map_or(package, |(_, rest)| rest);
    let rest = without_epoch.strip_prefix(&version.to_string());
    rest.is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_digit() || c == '.'))
}

fn engine(text: &str) -> Result<(), String> {
    let said = |failure: Failure| format!("{} {}", failure.detail, failure.hint.unwrap_or_default());
    catalogue::check_engine(text).map(|_| ()).map_err(said)
}

fn version(text: &str) -> Result<(), String> {
    text.parse::<ReleaseTarget>().map(|_| ()).map_err(|error| error.to_string())
}

fn package(text: &str) -> Result<(), String> {
    text.parse::<PackageRevision>().map(|_| ()).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_is_of_the_version_that_its_own_begins_with() {
        let version = Version::new(7, 0, 1);
        for (package, is) in [
            ("5:7.0.1-1~deb12u10", true),
            ("7.0.1-4.el9", true),
            ("7.0.1+dfsg1-3", true),
            ("7.0.1", true),
            ("5:7.0.15-1~deb12u10", false),
            ("7.0.1.2-1", false),
            ("6:6.0.1-1", false),
            ("", false),
        ] {
            assert_eq!(is_of(package, version), is, "{package}");
        }
    }
}
