package doctor

// Table returns all checks. Ids are permanent: one that is given up is not used again.
// Those below 20 concern the machine, 20 to 24 the name, 30 to 37 the line, 40 to 42
// HTTPS, and from 50 the fediverse.
func Table() []Check {
	return []Check{
		{"D01", "Data folder", 0, dataFolder},
		{"D02", "Free space", 0, freeSpace},
		{"D03", "Free inodes", 0, freeInodes},
		{"D04", "Kind of disk", 0, diskKind},
		{"D05", "Memory", 0, memory},
		{"D06", "Heat and power", 0, heat},
		{"D07", "ffmpeg", 0, ffmpeg},
		{"D08", "Clock", 0, clock},
		{"D09", "Database", 0, database},
		{"D10", "Open files", 0, openFiles},
		{"D11", "Keys", 0, keys},
		{"D12", "Ports to listen on", Database, ports},
		{"D13", "Server", 0, running},
		{"D14", "Jobs", Database, jobs},
		{"D15", "Backup", Database, backup},

		{"D20", "Name to address", Network | Domain, addresses},
		{"D21", "IPv6 address of the name", Network | Domain, address6},
		{"D22", "CAA", Network | Domain, caa},
		{"D23", "Resolver", Network | Domain, resolver},
		{"D24", "Domain unchanged", Database | Domain, unchanged},

		{"D30", "Public address", Network | Domain, public},
		{"D31", "Port mapping", Database | Network | Domain, mapping},
		{"D32", "Port 443 from outside", Network | Domain | Friend, outside443},
		{"D33", "Port 80 from outside", Network | Domain | Friend, outside80},
		{"D34", "Own name from inside", Network | Domain, hairpin},
		{"D35", "IPv6 from outside", Network | Domain | Friend, outside6},
		{"D36", "UDP port from outside", Database | Network | Domain | Friend, outsideUDP},
		{"D37", "Upload", Database | Network | Domain | Alone, uplink},

		{"D40", "Certificate", Network | Domain, certificate},
		{"D41", "Certificate authority", Database | Domain, authority},
		{"D42", "Proxy", Database | Network | Domain, proxy},

		{"D50", "Handle and actor", Database | Network | Domain, actor},
		{"D51", "Signature", Database | Network | Domain, signature},
		{"D52", "Deliveries", Database, deliveries},
		{"D53", "Other servers", Database, hosts},
		{"D54", "Private networks", Database, private},
	}
}
