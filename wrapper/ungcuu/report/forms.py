"""Drafts of the initial and the closing report in the fields of Mẫu 03 and Mẫu 04 (Thông tư 20/2017/TT-BTTTT).

No official form under Nghị định 331/2026 was found by October 2026, so these fields are used. The software fills in
what the journal proves; dotted lines are a person's work, and so are the signature and the sending. The forms are
Vietnamese in every language: they go to Vietnamese authorities.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from ungcuu.case.facts import Facts, payload
from ungcuu.case.record import Record
from ungcuu.core.clock import format_time
from ungcuu.report import by_run, shown_time, zone_name
from ungcuu.report.format import mapping

NAMES = ("initial", "closing")
_SEVERITY = {"low": "thấp", "medium": "trung bình", "high": "cao", "critical": "nghiêm trọng"}
_MEASURES = {
    "isolate": "cô lập máy chủ",
    "collect": "thu thập chứng cứ",
    "eradicate": "cách ly mã độc",
    "restore": "khôi phục từ bản sao lưu",
    "rotate": "thay mật khẩu và khóa",
    "reassess": "đánh giá lại",
    "release": "đưa trở lại hoạt động",
}


@dataclass(frozen=True)
class Field:
    """One field: number and label as in the form, whether it is mandatory, and what is known."""

    label: str
    needed: bool
    value: str = ""


@dataclass(frozen=True)
class Form:
    """One form, ready for the template."""

    title: str
    source: str
    fields: tuple[Field, ...]


def form(name: str, records: Sequence[Record], facts: Facts, present: datetime) -> Form:
    """Return the draft; ``name`` is ``initial`` or ``closing``."""
    return _initial(records, facts, present) if name == "initial" else _closing(records, facts)


def _initial(records: Sequence[Record], facts: Facts, present: datetime) -> Form:
    return Form(
        "BÁO CÁO BAN ĐẦU SỰ CỐ MẠNG",
        "Theo các trường của Mẫu số 03, Thông tư 20/2017/TT-BTTTT",
        (
            Field("1. Tổ chức/cá nhân báo cáo: tên, địa chỉ, điện thoại, email", True),
            Field("2. Người liên hệ: họ và tên, chức vụ, điện thoại, email", True),
            Field("3. Hệ thống bị sự cố: đơn vị vận hành", True),
            Field("Cơ quan chủ quản", False),
            Field("Tên hệ thống (tên miền, địa chỉ IP liên quan)", False, _system(records, facts)),
            Field("Cấp độ của hệ thống (1–5)", False),
            Field("Tổ chức cung cấp dịch vụ an toàn thông tin; nhà cung cấp kết nối Internet", False),
            Field("4. Mô tả sơ bộ về sự cố", True, _description(facts)),
            Field("5. Ngày và thời gian phát hiện", True, _time(facts.detected)),
            Field("6. Hiện trạng sự cố", True, _state(facts)),
            Field("7. Cách thức phát hiện", True, facts.detected_by),
            Field("8. Đã gửi thông báo sự cố cho", True),
            Field("9. Hệ điều hành và phiên bản; các dịch vụ trên hệ thống", False),
            Field("Các biện pháp an toàn thông tin đã triển khai", False),
            Field("Địa chỉ IP Internet, tên miền, mục đích chính của hệ thống", False),
            Field("Thông tin gửi kèm", False),
            Field("Giữ bí mật thông tin trong báo cáo (có/không)", False),
            Field("10. Kiến nghị, đề xuất hỗ trợ", False),
            Field("11. Thời gian thực hiện báo cáo", True, _time(format_time(present))),
        ),
    )


def _closing(records: Sequence[Record], facts: Facts) -> Form:
    all_runs = by_run(records, facts)
    measures = "; ".join(
        f"{shown_time(one.run.started)} {_MEASURES[one.run.verb]} ({', '.join(one.run.hosts)})"
        for one in all_runs
        if one.run.outcome == "DONE" and one.run.verb in _MEASURES
    )
    ways_in = [mapping(row.get("entry")).get("how") for one in all_runs for row in one.of("reassessment")]
    return Form(
        "BÁO CÁO KẾT THÚC ỨNG PHÓ SỰ CỐ",
        "Theo các trường của Mẫu số 04, Thông tư 20/2017/TT-BTTTT",
        (
            Field("Tổ chức báo cáo", True),
            Field("Số ký hiệu và ngày của báo cáo ban đầu", True),
            Field("Đơn vị vận hành hệ thống bị sự cố", True),
            Field("Cơ quan chủ quản", False),
            Field("Tên hệ thống (tên miền, địa chỉ IP liên quan)", False, _system(records, facts)),
            Field("Cấp độ của hệ thống (1–5)", False),
            Field("Tên/mô tả sự cố", True, _description(facts)),
            Field("Ngày và thời gian phát hiện", True, _time(facts.detected)),
            Field("Kết quả xử lý: những gì đã xảy ra", True, _happened(facts)),
            Field("Kết quả xử lý: cách giải quyết", True, measures),
            Field("Hiện trạng", True, _state(facts)),
            Field("Nguyên nhân", True, str(ways_in[-1] or "") if ways_in else ""),
            Field("Đề xuất", False),
            Field("Tài liệu đính kèm", False, f"Nhật ký và chứng cứ của hồ sơ {facts.case}"),
        ),
    )


def root_lost(facts: Facts) -> list[str]:
    """Return the sentences on lost root that stand in red above the form; none where it was rebuilt."""
    rows = []
    for one in facts.root_lost:
        text = f"Kẻ tấn công đã chiếm quyền quản trị (root) trên {one.host}: {'; '.join(one.findings[:5])}."
        if one.override:
            back = f"ngày {_time(one.overridden)}, theo quyết định của {one.by or '?'}, lý do: {one.override}"
            rows.append(f"{text} Máy chủ được đưa trở lại hoạt động mà KHÔNG dựng lại, {back}")
        elif not one.regained:
            rows.append(f"{text} Máy chủ chưa được dựng lại.")
    return rows


def _system(records: Sequence[Record], facts: Facts) -> str:
    """The hosts, each with the address that evidence was taken from."""
    rows = [payload(record) for record in records if record.kind == "custody"]
    known = {str(row.get("from")): str(row.get("address")) for row in rows if row.get("address")}
    return ", ".join(f"{host} ({known[host]})" if host in known else host for host in facts.hosts)


def _time(text: str) -> str:
    """A time with its zone: who reads the form does not know where it was drawn up."""
    return f"{shown_time(text)} ({zone_name()})" if text else ""


def _description(facts: Facts) -> str:
    return f"{facts.title}. Mức độ: {_SEVERITY.get(facts.severity, facts.severity)}. Hồ sơ: {facts.case}."


def _state(facts: Facts) -> str:
    """Only what the journal proves; nothing here calls an incident solved because a case was closed by force."""
    if facts.isolated:
        return f"Chưa được xử lý xong; đang cô lập: {', '.join(facts.isolated)}"
    if facts.recovered:
        back = _time(facts.recovered)
        return f"Hệ thống hoạt động trở lại từ {back}; phát hiện còn mở: {len(facts.open_findings)}"
    return f"Chưa được xử lý xong; phát hiện còn mở: {len(facts.open_findings)}"


def _happened(facts: Facts) -> str:
    parts = [f"{len(facts.findings)} phát hiện"]
    if facts.first_sign:
        doubt = " (theo giờ tệp trên máy chủ)" if facts.first_sign_by == "host" else ""
        parts.append(f"dấu hiệu đầu tiên {_time(facts.first_sign)}{doubt}")
    if facts.contained:
        parts.append(f"cô lập lúc {_time(facts.contained)}")
    return "; ".join(parts)
