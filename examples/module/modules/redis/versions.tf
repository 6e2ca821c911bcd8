terraform {
  required_version = ">= 1.11" # Terraform or OpenTofu: for ephemeral variables and write-only arguments

  required_providers {
    justmanage = {
      source = "justmanage/justmanage"
    }
  }
}
