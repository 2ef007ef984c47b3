"""The regions there are: those of ECS's page "Regions and zones", finance and government clouds included.

A fixture may declare more, such as dedicated regions that only some accounts see.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Region:
    """A region: its name in Chinese and in English, and its zones, the first of which instances are put in."""

    local_name: str
    english_name: str
    zones: tuple[str, ...]


def _zones(region: str, letters: str) -> tuple[str, ...]:
    # within China the letter stands behind a hyphen
    between = "-" if region.startswith("cn-") else ""
    return tuple(f"{region}{between}{letter}" for letter in letters)


# region, name in Chinese, name in English, letters of its zones
_PUBLIC = (
    ("cn-qingdao", "华北1（青岛）", "China (Qingdao)", "cb"),
    ("cn-beijing", "华北2（北京）", "China (Beijing)", "hfgijkl"),
    ("cn-zhangjiakou", "华北3（张家口）", "China (Zhangjiakou)", "abc"),
    ("cn-huhehaote", "华北5（呼和浩特）", "China (Hohhot)", "ab"),
    ("cn-wulanchabu", "华北6（乌兰察布）", "China (Ulanqab)", "abc"),
    ("cn-hangzhou", "华东1（杭州）", "China (Hangzhou)", "hbgijk"),
    ("cn-shanghai", "华东2（上海）", "China (Shanghai)", "befglmn"),
    ("cn-nanjing", "华东5（南京-本地地域）", "China (Nanjing - Local Region)", "a"),
    ("cn-fuzhou", "华东6（福州-本地地域）", "China (Fuzhou - Local Region)", "a"),
    ("cn-wuhan-lr", "华中1（武汉-本地地域）", "China (Wuhan - Local Region)", "a"),
    ("cn-shenzhen", "华南1（深圳）", "China (Shenzhen)", "edfc"),
    ("cn-heyuan", "华南2（河源）", "China (Heyuan)", "ab"),
    ("cn-guangzhou", "华南3（广州）", "China (Guangzhou)", "ab"),
    ("cn-chengdu", "西南1（成都）", "China (Chengdu)", "ab"),
    ("cn-hongkong", "中国（香港）", "China (Hong Kong)", "bcd"),
    ("ap-northeast-1", "日本（东京）", "Japan (Tokyo)", "abc"),
    ("ap-northeast-2", "韩国（首尔）", "South Korea (Seoul)", "ab"),
    ("ap-southeast-1", "新加坡", "Singapore", "abc"),
    ("ap-southeast-3", "马来西亚（吉隆坡）", "Malaysia (Kuala Lumpur)", "abc"),
    ("ap-southeast-5", "印度尼西亚（雅加达）", "Indonesia (Jakarta)", "abc"),
    ("ap-southeast-6", "菲律宾（马尼拉）", "Philippines (Manila)", "ab"),
    ("ap-southeast-7", "泰国（曼谷）", "Thailand (Bangkok)", "ab"),
    ("us-east-1", "美国（弗吉尼亚）", "US (Virginia)", "ab"),
    ("us-west-1", "美国（硅谷）", "US (Silicon Valley)", "ab"),
    ("na-south-1", "墨西哥", "Mexico", "ab"),
    ("eu-central-1", "德国（法兰克福）", "Germany (Frankfurt)", "abc"),
    ("eu-west-1", "英国（伦敦）", "UK (London)", "ab"),
    ("me-east-1", "阿联酋（迪拜）", "UAE (Dubai)", "a"),
    ("me-central-1", "沙特（利雅得）", "SAU (Riyadh - Partner Region)", "ab"),
    ("cn-hangzhou-finance", "华东1 金融云", "China East 1 Finance", "h"),
    ("cn-shanghai-finance-1", "华东2 金融云", "China East 2 Finance", "abfgk"),
    ("cn-beijing-finance-1", "华北2 金融云（邀测）", "China North 2 Finance (Preview)", "k"),
    ("cn-shenzhen-finance-1", "华南1 金融云", "China South 1 Finance", "abde"),
    ("cn-north-2-gov-1", "华北2 阿里政务云1", "China North 2 Ali Gov 1", "b"),
    ("cn-heyuan-acdr-1", "河源专属云汽车合规", "Heyuan ACDR Auto", "a"),
    ("cn-wulanchabu-acdr-1", "乌兰察布专属云汽车合规", "Ulanqab ACDR Auto", "a"),
)
PUBLIC_REGIONS: Mapping[str, Region] = {
    region: Region(local_name, english_name, _zones(region, letters))
    for region, local_name, english_name, letters in _PUBLIC
}


def declared_region(region: str, local_name: str, zone: str) -> Region:
    """Return a region that a fixture declares, of which it need not say the name or a zone."""
    return Region(local_name or region, local_name or region, (zone,) if zone else _zones(region, "a"))
