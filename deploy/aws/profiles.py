"""What one account may and wants to spend: everything in which the three profiles differ, as data."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Profile:
    """Sizes, safety nets and what is paid for beyond them."""

    name: str
    # Names of an existing role and instance profile; empty where the stacks make a role of their own.
    existing_role: str = ""
    existing_instance_profile: str = ""
    private_instances: bool
    nat_gateways: int
    instance_type: str
    instance_disk_gib: int
    database_type: str
    database_disk_gib: int
    database_disk_type: str
    # About as many as MySQL takes with the memory of this type.
    database_connections: int
    database_multi_az: bool = False
    database_replica: bool = False
    database_backup_days: int
    # What is under it cannot be deleted until the protection is taken off, which `destroy` says and does.
    is_protected: bool
    # Whether AWS Backup copies the media each day (kept for 35 days), and the monolith's disk (kept for 7).
    backs_up_files: bool
    log_days: int
    access_log_days: int
    # CloudFront in front of the shop, and the rules of its firewall.
    has_cdn: bool = False
    requests_per_address: int = 0

    @property
    def makes_roles(self) -> bool:
        return not self.existing_role


STANDARD = Profile(
    name="standard",
    private_instances=True,
    nat_gateways=1,
    instance_type="t3.small",
    instance_disk_gib=20,
    database_type="t4g.small",
    database_disk_gib=20,
    database_disk_type="gp3",
    database_connections=150,
    database_backup_days=7,
    is_protected=True,
    backs_up_files=True,
    log_days=30,
    access_log_days=90,
)
# An AWS Academy Learner Lab: roles cannot be made, nine instances at most, and a budget that ends.
ACADEMY = Profile(
    name="academy",
    existing_role="LabRole",
    existing_instance_profile="LabInstanceProfile",
    private_instances=False,
    nat_gateways=0,
    instance_type="t3.small",
    instance_disk_gib=16,
    database_type="t3.micro",
    database_disk_gib=20,
    database_disk_type="gp2",
    database_connections=80,
    database_backup_days=1,
    is_protected=False,
    backs_up_files=False,
    log_days=7,
    access_log_days=7,
)
PRODUCTION = Profile(
    name="production",
    private_instances=True,
    nat_gateways=3,
    instance_type="m7i.large",
    instance_disk_gib=30,
    database_type="m7g.large",
    database_disk_gib=100,
    database_disk_type="gp3",
    database_connections=640,
    database_multi_az=True,
    database_replica=True,
    database_backup_days=14,
    is_protected=True,
    backs_up_files=True,
    log_days=90,
    access_log_days=365,
    has_cdn=True,
    requests_per_address=2000,
)
PROFILES = {profile.name: profile for profile in (STANDARD, ACADEMY, PRODUCTION)}
