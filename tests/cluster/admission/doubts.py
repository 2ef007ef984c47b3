"""Documents that RAM takes and that probably do not mean what they say, each with a part of the warning."""

from dataclasses import dataclass

from tests.cluster.admission.case import Case, policy, statement, trust_statement


@dataclass(frozen=True, slots=True)
class Doubt:
    """An object that is stored; `warning` is a part of what people are told, None where there is nothing to tell."""

    case: Case
    warning: str | None


def policies(title: str, warning: str | None, **changes: object) -> Doubt:
    """A RamPolicy with one statement that is changed."""
    spec = policy(document={"Statement": [statement(), statement(**changes)]})
    return Doubt(Case(f"doubted policy {title}", "RamPolicy", spec), warning)


def trusts(title: str, warning: str | None, principal: object, **changes: object) -> Doubt:
    """A RamRole that trusts this principal."""
    spec = {"trust": {"document": {"Statement": [trust_statement(Principal=principal, **changes)]}}}
    return Doubt(Case(f"doubted trust {title}", "RamRole", spec), warning)


def keyed(title: str, warning: str | None, key: str, value: object = "x") -> Doubt:
    """A RamPolicy under a condition."""
    return policies(title, warning, Effect="Deny", Condition={"StringNotEquals": {key: value}})


PLACEHOLDER = "looks like a placeholder; write what it stands for"
NO_SERVICE = "names a service that no list knows"
NO_OPERATION = "names an operation that no list knows"
BUCKETS = "Resource has buckets only"
NO_TRUSTED = "is probably no service of Alibaba Cloud; meant is perhaps"
NO_KEY = "is no condition key that"

DOUBTS: tuple[Doubt, ...] = (
    policies("with a placeholder in angle brackets", PLACEHOLDER, Resource=["acs:oss:*:*:<bucket>/*"]),
    policies("with a variable of a template", PLACEHOLDER, Resource="acs:oss:*:*:${var.bucket}/*"),
    policies("with a template", PLACEHOLDER, Resource="acs:oss:*:*:{{bucket}}"),
    policies("with your bucket", PLACEHOLDER, Resource="acs:oss:*:*:YOUR-bucket/*"),
    policies("with a masked account", PLACEHOLDER, Resource="acs:ecs:*:123456789012****:instance/i-1"),
    policies("with an example's instance", PLACEHOLDER, Resource="acs:ecs:*:*:instance/i-bp1xxxxxxxx"),
    policies("with a bucket named after yours", None, Resource="acs:oss:*:*:yourself/*"),
    keyed("with a placeholder for a value", PLACEHOLDER, "acs:SourceVpc", ["vpc-1", "<vpc>"]),
    policies("with an unheard-of service", NO_SERVICE, Action="osss:GetObject"),
    policies("with services by a wildcard", None, Action=["*:Describe*", "o?s:Get*", "yundun-anything:*", "*"]),
    policies("with a service in capitals", None, Action="ECS:DescribeInstances"),
    policies("with a misspelt operation", NO_OPERATION, Action=["oss:Get*", "ess:Describle*"]),
    policies("with a misspelt operation that is excepted", NO_OPERATION, Action=..., NotAction=["ecs:Dscribe*"]),
    policies(
        "with the beginning of an operation", None, Action=["ecs:Desc*", "ecs:D?scribeInstances", "ecs:*Instances"]
    ),
    policies("with an object's action on a bucket", BUCKETS, Action="oss:PutObject", Resource="acs:oss:*:*:uploads"),
    policies(
        "with an object's action on a bucket and its objects",
        None,
        Action=["oss:PutObject", "oss:AbortMultipartUpload"],
        Resource=["acs:oss:*:*:uploads", "acs:oss:*:*:uploads/*"],
    ),
    policies(
        "with an object's action on buckets by a wildcard", None, Action="oss:GetObject", Resource="acs:oss:*:*:u*"
    ),
    policies("with a bucket's action on a bucket", None, Action="oss:ListObjects", Resource="acs:oss:*:*:uploads"),
    keyed("with a common key in other case", NO_KEY, "acs:SourceIP"),
    keyed("with a misspelt common key", NO_KEY, "acs:SorceVpc"),
    keyed("with a key of an unheard-of service", NO_KEY, "osss:Prefix"),
    keyed("with a key of a service", None, "oss:Prefix"),
    keyed("with a tag", None, "acs:ResourceTag/team:a/b"),
    trusts("of a service of another domain", NO_TRUSTED, {"Service": ["ecs.aliyuncs.com", "ecs.aliyun.com"]}),
    trusts("of a service", None, {"Service": "1234567890123456@fc.aliyuncs.com"}),
    trusts("of a masked account", PLACEHOLDER, {"RAM": ["acs:ram::123456789012****:root"]}),
    trusts("of your provider", PLACEHOLDER, {"Federated": "acs:ram::1:oidc-provider/<provider>"}),
    trusts(
        "of a provider under its conditions",
        None,
        {"Federated": "acs:ram::1:oidc-provider/ack"},
        Condition={"StringEquals": {"oidc:aud": "sts.aliyuncs.com", "oidc:sub": "system:serviceaccount:a:b"}},
    ),
    Doubt(Case("doubted services", "RamRole", {"trust": {"services": ["ecs.aliyun.com"]}}), NO_TRUSTED),
    Doubt(Case("undoubted services", "RamRole", {"trust": {"services": ["fc.aliyuncs.com"]}}), None),
    Doubt(Case("undoubted role", "RamRole", None), None),
)
