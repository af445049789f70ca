package cli_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/tubelet/tubelet/cli"
)

// TestExamples runs the examples of the help texts as they stand there, in a channel that
// has what they speak of. Only ids and ports are put in: those nobody can know beforehand.
func TestExamples(t *testing.T) {
	dir := t.TempDir()
	seen := map[string]bool{}
	for i, example := range cli.HelpLines() {
		if seen[example] {
			continue
		}
		seen[example] = true
		name := fmt.Sprintf("%02d.txtar", i)
		if err := os.WriteFile(filepath.Join(dir, name), []byte(story(example)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p := params()
	p.Dir = dir
	testscript.Run(t, p)
}

const files = `
-- talk.srt --
1
00:00:00,100 --> 00:00:01,000
Hello there

-- talk.de.srt --
1
00:00:00,100 --> 00:00:01,000
Guten Tag

-- list.csv --
#domain,#severity,#public_comment
spam.example,suspend,advertising
`

// story returns a script that runs an example.
func story(example string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\nport PORT\n", example)
	if strings.HasPrefix(example, "tubelet tls ") {
		b.WriteString("exec tubelet init --domain video.example --name Workshop --handle me\ncertificate cert.pem key.pem video.example\n")
	} else if !strings.HasPrefix(example, "tubelet init") {
		b.WriteString("exec tubelet init --local --domain 127.0.0.1:$PORT\n")
	}
	for _, file := range []string{"talk.mp4", "better.mp4"} {
		if strings.Contains(example, file) {
			fmt.Fprintf(&b, "clip %s\n", file)
		}
	}
	if strings.Contains(example, "k3v9x2m1qa") {
		b.WriteString("clip first.avi -c:v mpeg4 -c:a mp3\nexec tubelet publish first.avi --json\nkeep ID id\n")
	}
	if strings.HasSuffix(example, " 7") && !strings.HasSuffix(example, "--keep 7") {
		b.WriteString("clip first.avi -c:v mpeg4 -c:a mp3\nexec tubelet publish first.avi --no-wait\nexec tubelet jobs --json\nkeep JOB 0.id\n")
	}
	if strings.Contains(example, "mirrors") {
		b.WriteString("mirrored attic\n")
	}
	deed := strings.HasPrefix(example, "tubelet like ") || strings.HasPrefix(example, "tubelet boost ")
	if deed || strings.Contains(example, "comments") || strings.Contains(example, "reply 3") || strings.Contains(example, "followers") || strings.Contains(example, "unblock") {
		b.WriteString("neighbours\n")
	}
	if deed && strings.Contains(example, " --undo") {
		b.WriteString("exec " + strings.Replace(example, " --undo", "", 1) + "\n")
	}
	if strings.Contains(example, "domains.csv") {
		b.WriteString("cp list.csv domains.csv\n")
	}
	if strings.Contains(example, "--rm-link") {
		b.WriteString("exec tubelet channel edit --link Mastodon=https://social.example/@me\n")
	}
	if strings.Contains(example, "/mnt/backup") && !strings.HasPrefix(example, "tubelet backup /mnt") {
		b.WriteString("exec tubelet backup backups\n")
	}
	if strings.Contains(example, "jobs retry") {
		b.WriteString("exec tubelet jobs cancel $JOB\n")
	}
	run := strings.NewReplacer("--keep 7", "--keep 7", "/mnt/backup", "backups", "k3v9x2m1qa", "$ID", " 7", " $JOB", ":8080", ":$PORT").Replace(example)
	if strings.HasPrefix(example, "tubelet serve") {
		fmt.Fprintf(&b, "exec %s &server&\nexec get -wait http://127.0.0.1:$PORT/\nkill -INT server\nwait server\n", run)
	} else if example == "tubelet health" {
		b.WriteString("exec tubelet serve &server&\nexec get -wait http://127.0.0.1:$PORT/\nexec tubelet health\nkill -INT server\nwait server\n")
	} else if strings.HasPrefix(example, "tubelet mirror run") {
		fmt.Fprintf(&b, "exec timeout --preserve-status -s INT 5 %s\n", strings.Replace(run, "9000", "$PORT", 1))
	} else if example == "tubelet notify test" || strings.Contains(example, "federation check") || strings.Contains(example, " move-") || strings.Contains(example, " --via ") || deed && strings.Contains(example, "https://") || strings.Contains(example, "video.example") && strings.HasPrefix(example, "tubelet mirror ") {
		// They speak to servers that are not there: all but that can be tried.
		fmt.Fprintf(&b, "! exec sh example.sh\nstderr .\n! stderr 'no command|--help'\n")
		b.WriteString("-- example.sh --\n" + run + "\n")
	} else {
		fmt.Fprintf(&b, "exec sh example.sh\n")
		b.WriteString("-- example.sh --\n" + run + "\n")
	}
	return b.String() + files
}
