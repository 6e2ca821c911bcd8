# An image with the database's program and the settings that a host needs: machines that are born of it need nothing fetched, and the
# provider finds the program on their search path. Build it with:
#
#   packer init image.pkr.hcl
#   packer build -var region=eu-central-1 -var "version=5:7.0.15-1~deb12u7" image.pkr.hcl
#
# What is done on the machine is install.sh alone: another builder (qemu, googlecompute, azure-arm, proxmox-iso ...) takes the same.
packer {
  required_plugins {
    amazon = {
      source  = "github.com/hashicorp/amazon"
      version = ">= 1.3.0"
    }
  }
}

variable "engine" {
  description = "redis or valkey."
  type        = string
  default     = "redis"
}

variable "version" {
  description = "The exact version of the package, or its beginning; empty: the newest."
  type        = string
  default     = ""
}

variable "region" {
  description = "Where the image is made."
  type        = string
}

variable "instance_type" {
  description = "On what it is made: of the same kind of processor as the machines that are to run it."
  type        = string
  default     = "t3.small"
}

source "amazon-ebs" "debian" {
  region        = var.region
  instance_type = var.instance_type
  ssh_username  = "admin"
  ami_name      = "justmanage-${var.engine}-{{timestamp}}"

  source_ami_filter {
    owners      = ["136693071363"] # Debian
    most_recent = true
    filters = {
      name                = "debian-12-amd64-*"
      virtualization-type = "hvm"
      root-device-type    = "ebs"
    }
  }
}

build {
  sources = ["source.amazon-ebs.debian"]

  provisioner "shell" {
    script          = "install.sh"
    execute_command = "sudo env {{ .Vars }} sh {{ .Path }}"
    environment_vars = [
      "ENGINE=${var.engine}",
      "VERSION=${var.version}",
      "CLEAN=yes",
    ]
  }
}
