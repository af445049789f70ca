package metrics

import (
	"os"
	"runtime"
	"strconv"
	"strings"
)

// Process returns figures of this process, under the names that every dashboard knows.
func Process() []Family {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	list := []Family{
		Alone("go_goroutines", "Goroutines.", false, float64(runtime.NumGoroutine())),
		Alone("go_memstats_heap_inuse_bytes", "Memory of the heap in use.", false, float64(m.HeapInuse)),
		Alone("go_memstats_sys_bytes", "Memory from the system.", false, float64(m.Sys)),
	}
	// Only Linux has these; elsewhere they are left out.
	if fds, err := os.ReadDir("/proc/self/fd"); err == nil {
		list = append(list, Alone("process_open_fds", "Open file descriptors.", false, float64(len(fds)-1)))
	}
	if text, err := os.ReadFile("/proc/self/statm"); err == nil {
		if words := strings.Fields(string(text)); len(words) > 1 {
			if pages, err := strconv.Atoi(words[1]); err == nil {
				list = append(list, Alone("process_resident_memory_bytes", "Memory in RAM.", false, float64(pages*os.Getpagesize())))
			}
		}
	}
	return list
}
