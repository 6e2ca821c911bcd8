# What is known about Redis 7.0.15 as Debian 12 packages it.
data "justmanage_releases" "debian" {
  engine  = "redis"
  version = "7.0.15"
  package = "5:7.0.15-1~deb12u9" # dpkg-query -W redis-server
}

output "holes" {
  description = "Known holes of that package, and what closes each."
  value = {
    for hole in data.justmanage_releases.debian.known_vulnerabilities :
    hole.cve => coalesce(hole.fixed_in_package, hole.fixed_in, "nothing yet")
  }
}

# Lines that are still kept up.
data "justmanage_releases" "valkey" {
  engine = "valkey"
}

output "lines" {
  description = "Newest patch of each line that its makers keep up."
  value = {
    for line in data.justmanage_releases.valkey.lines :
    line.line => line.latest_patch if !line.end_of_life_passed
  }
}

# An alarm in every plan, for those who want one.
data "justmanage_releases" "pinned" {
  engine  = "valkey"
  version = "8.1.10"
}

check "no_security_release_is_missing" {
  assert {
    condition     = alltrue([for upgrade in data.justmanage_releases.pinned.upgrades : upgrade.urgency != "SECURITY"])
    error_message = "Newer patches close holes: ${join(" ", data.justmanage_releases.pinned.upgrades[*].summary)}"
  }
}
