package media

import (
	"strings"
	"testing"
)

// TestTryEncoder runs the test that hardware encoders must pass on one that is known to
// work, and on some that are known not to.
func TestTryEncoder(t *testing.T) {
	m := New(Config{Threads: 2})
	plain := x264()
	wrong := x264()
	wrong.filter = "negate,format=yuv420p"
	free := x264()
	free.rate = func(Rung) []string { return []string{"-preset", "faster", "-force_key_frames", "0,1"} }
	slow := x264()
	slow.rate = func(Rung) []string { return []string{"-preset", "placebo", "-sc_threshold", "0"} }
	absent := x264()
	absent.name = "h264_absent"
	tests := []struct {
		name   string
		enc    encoder
		faster bool
		want   string
	}{
		{"good", plain, false, ""},
		{"no faster", slow, true, "too slow"},
		{"wrong picture", wrong, false, "picture is wrong"},
		{"keyframes elsewhere", free, false, "not where they should be"},
		{"not there", absent, false, "ffmpeg"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			err := m.tryEncoder(t.Context(), test.enc, test.faster)
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("tryEncoder = %v, want one with %q", err, test.want)
			}
		})
	}
}

// TestEncoderIsNeverAssumed names hardware that this machine need not have.
func TestEncoderIsNeverAssumed(t *testing.T) {
	for _, setting := range []string{"", "auto", "libx264", "h264_nvenc", "nonsense"} {
		m := New(Config{Encoder: setting, Threads: 2})
		got := m.encoder(t.Context())
		if got.name != software {
			if err := m.tryEncoder(t.Context(), got, false); err != nil {
				t.Errorf("%q chose %s, which does not work: %v", setting, got.name, err)
			}
		}
		if setting == "nonsense" && got.name != software {
			t.Errorf("nonsense chose %s", got.name)
		}
	}
}
