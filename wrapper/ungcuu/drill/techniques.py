"""Techniques of MITRE ATT&CK (Enterprise) that scenarios name: id → the name that ATT&CK gives it."""

from __future__ import annotations

from collections.abc import Mapping

TECHNIQUES: Mapping[str, str] = {
    "T1021.004": "Remote Services: SSH",
    "T1027": "Obfuscated Files or Information",
    "T1036.005": "Masquerading: Match Legitimate Resource Name or Location",
    "T1053.003": "Scheduled Task/Job: Cron",
    "T1053.006": "Scheduled Task/Job: Systemd Timers",
    "T1059.004": "Command and Scripting Interpreter: Unix Shell",
    "T1070.006": "Indicator Removal: Timestomp",
    "T1071.001": "Application Layer Protocol: Web Protocols",
    "T1078.003": "Valid Accounts: Local Accounts",
    "T1083": "File and Directory Discovery",
    "T1098": "Account Manipulation",
    "T1098.004": "Account Manipulation: SSH Authorized Keys",
    "T1105": "Ingress Tool Transfer",
    "T1110.001": "Brute Force: Password Guessing",
    "T1110.004": "Brute Force: Credential Stuffing",
    "T1136.001": "Create Account: Local Account",
    "T1190": "Exploit Public-Facing Application",
    "T1213": "Data from Information Repositories",
    "T1486": "Data Encrypted for Impact",
    "T1490": "Inhibit System Recovery",
    "T1491.002": "Defacement: External Defacement",
    "T1496": "Resource Hijacking",
    "T1498.001": "Network Denial of Service: Direct Network Flood",
    "T1499.002": "Endpoint Denial of Service: Service Exhaustion Flood",
    "T1505.003": "Server Software Component: Web Shell",
    "T1531": "Account Access Removal",
    "T1543.002": "Create or Modify System Process: Systemd Service",
    "T1546.017": "Event Triggered Execution: Udev Rules",
    "T1552.001": "Unsecured Credentials: Credentials In Files",
    "T1556.003": "Modify Authentication Process: Pluggable Authentication Modules",
    "T1565.001": "Data Manipulation: Stored Data Manipulation",
    "T1574.006": "Hijack Execution Flow: Dynamic Linker Hijacking",
    "T1595.002": "Active Scanning: Vulnerability Scanning",
    "T1608.006": "Stage Capabilities: SEO Poisoning",
}
