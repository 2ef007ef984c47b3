"""Words that policy documents are made of, to tell a misspelt one: services, verbs of operations, condition keys.

Sources: RAM's pages "Services that work with RAM" and "Policy elements", and the API references of the products. New
services come all the time, so what is not in here is doubted, never refused. The admission policy has the same lists.
"""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


SERVICES = _words(
    """
    acs actiontrail adam adb adcp advisor ahas alb alidns alikafka aliyuncvc amqp apig apigateway arms bailian
    bpstudio bss bssapi cams cassandra cbn cdn cdp cen clickhouse cloudauth cloudesl cloudphone cloudphoto
    cloudsso cloudwf cmn cms config cps cr cs csas csb das datahub dataq dataworks dbaudit dbes dbfs dbs dcdn
    ddosbgp ddoscoo ddosdiversion dds dfs dg dhs dm dms domain dps drds dts dyiot dypls dysms dytns eais ebs
    ecd eci ecs edas edts efc eflo ehpc eiam eip eipanycast elasticsearch emas emr ens es ess eventbridge
    expressconnectrouter fc flink fnf foasconsole ft ga gdb governance gpdb graphcompute gtm gwlb gws hbase
    hbr hcs hcs-mgw hcs-sgw hdm hitsdb hologram hologres httpdns imagesearch imm imp ims iot ivision ivpd kms
    kvstore lindorm linkvisual linkwan live log lto market mhub milvus mns mpserverless mq mse mssp mts nas
    nat netana nis nlb nls oceanbase oceanbasepro odps ons oos openanalytics opensearch oss ots outboundbot
    pai paidlc paiplugin pairecservice pam petadata polardb polardbx privatelink prometheus ps pts pvtz
    qianzhou quickbi quotas r-kvstore ram rdc rdk rds resourcecenter resourcedirectory resourcemanager
    resourcesharing rocketmq ros rtc sae saf sag sas sasti scdn sddp searchengine selectdb servicecatalog
    servicemesh sgw slb sls smartag smc smq sms sts support swas swas-open tablestore tag tr vcs vod
    voicenavigator vpc vpcpeer vpn waf webplus workbench xtrace
    """
)
"""RAM codes, as they stand before the colon of an action; those that begin with `yundun-` are not listed one by one."""

VERBS = _words(
    """
    abort accept access acquire activate add adjust allocate allow analyze append apply approve archive assign
    associate assume attach authorize auto backup batch begin bind block browse build call cancel change check
    clear clone close collect commit compare complete compose config confirm connect consume contain convert
    copy count create cursor cut deactivate debug decline decode decrease decrypt define delete deploy
    deprecate deregister describe destroy detach detect diagnose disable disassociate discard dismiss dispatch
    dissociate do download drain drop dry edit eject enable encrypt end enter estimate evaluate exchange exec
    exit expand export extend fail fetch filter find finish flash flow flush forbid force format freeze full
    generate get give grant group handle head health hold hot import include increase infer init insert
    inspect install interrupt invoke ip isolate issue join keep kill leave limit link list load lock login
    logout look maintain make manage mark match merge migrate modify monitor mount move multi mutate name
    notify offline online open operate optimize option order package pass patch pause perform persist pin plan
    play post pre prepare preview print probe process promote provision publish pull purchase purge push put
    query reactivate read reallocate reboot rebuild recall receive recognize recommend record recover recycle
    redeploy redo reduce refresh refund register reinit reject release reload remove rename render renew
    reopen repair replace replay replicate report request rerun reschedule reset resize resolve resource
    restart restore resume retrieve retry return revert review revoke roll rotate run sample save scale scan
    schedule search segment select send set share show shrink shut sign simulate skip split start stat stop
    store stream submit subscribe suspend swap switch sync tag take terminate test trace track transfer
    transform transit translate trigger truncate try un undeploy update upgrade upload use validate verify
    view vote wait wake withdraw write
    """
)
"""What the names of operations begin with, in lower case."""

COMMON_KEYS = (
    "acs:AccessId",
    "acs:CurrentTime",
    "acs:MFAPresent",
    "acs:PrincipalARN",
    "acs:PrincipalAccountId",
    "acs:PrincipalRDId",
    "acs:PrincipalRDPath",
    "acs:PrincipalTag",
    "acs:RequestTag",
    "acs:ResourceAccountId",
    "acs:ResourceGroupId",
    "acs:ResourceRDId",
    "acs:ResourceRDPath",
    "acs:ResourceTag",
    "acs:RoleSessionName",
    "acs:SecureTransport",
    "acs:Service",
    "acs:SourceAccount",
    "acs:SourceArn",
    "acs:SourceIp",
    "acs:SourceVpc",
    "acs:TagKeys",
    "acs:UserAgent",
    "acs:ViaService",
    "acs:VpcId",
    "acs:VpcSourceIp",
)
"""Condition keys of no single product; those of tags without the tag."""

PROVIDER_KEYS = ("oidc", "saml")
"""Before the colon of condition keys of identity providers, beside the services."""
