//go:build bench

package inbox_test

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/tubelet/tubelet/fed/sign"
	"github.com/tubelet/tubelet/store/social"
)

// TestBenchInbox measures how many activities of known actors an inbox takes in a second
// over real connections, client and server on the same cores, each verified and in the
// database before it is answered; and, for the floor, how many bare RSA verifications the
// same cores do. The limits for one address and host are kept out of it by coming from many.
func TestBenchInbox(t *testing.T) {
	const hosts, actors, activities, clients = 50, 500, 4_000, 32
	b := newBox(t)
	server := httptest.NewServer(b)
	defer server.Close()
	var keys []*rsa.PrivateKey
	for range 8 {
		keys = append(keys, newKey(t, 2048))
	}
	signers := make([]sign.Key, actors)
	for i := range actors {
		id := fmt.Sprintf("https://h%d.example/users/u%d", i%hosts, i)
		signers[i] = sign.NewKey(id+"#main-key", keys[i%len(keys)])
		_, err := b.social.SaveActor(t.Context(), social.Actor{
			URI: id, Acct: fmt.Sprintf("@u%d@h%d.example", i, i%hosts), Host: fmt.Sprintf("h%d.example", i%hosts), KeyID: signers[i].ID,
			KeyPEM: publicPEM(t, signers[i]), Inbox: id + "/inbox", SharedInbox: id + "/inbox", FetchedAt: time.Now(),
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	requests := prepare(t, server.URL, signers, activities)

	times := make([]time.Duration, activities)
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: clients}}
	var next atomic.Int64
	var all sync.WaitGroup
	began, before := time.Now(), processorTime(t)
	for range clients {
		all.Go(func() {
			for i := next.Add(1) - 1; i < activities; i = next.Add(1) - 1 {
				sent := time.Now()
				answer, err := client.Do(requests[i])
				if err != nil {
					t.Error(err)
					return
				}
				_, _ = io.Copy(io.Discard, answer.Body)
				answer.Body.Close()
				if answer.StatusCode != http.StatusAccepted {
					t.Errorf("answered %d", answer.StatusCode)
				}
				times[i] = time.Since(sent)
			}
		})
	}
	all.Wait()
	took, spent := time.Since(began), processorTime(t)-before
	if n := b.rows(t); n != activities {
		t.Errorf("%d rows, want %d", n, activities)
	}
	slices.Sort(times)
	rate, bare := float64(activities)/took.Seconds(), bareVerify(t, keys[0])
	// What the processor took says what unburdened cores would do, when others are at work too.
	t.Logf("processor time of an activity, client included: %v, which is %.0f/s on %d free cores",
		spent/activities, float64(runtime.GOMAXPROCS(0))/(spent/activities).Seconds(), runtime.GOMAXPROCS(0))
	t.Logf("inbox: %.0f verified activities/s, p50 %v, p99 %v; bare RSA verify %.0f/s on free cores, ratio by processor time %.2f",
		rate, times[activities/2], times[activities*99/100], bare, float64(runtime.GOMAXPROCS(0))/(spent/activities).Seconds()/bare)
}

func prepare(t *testing.T, url string, signers []sign.Key, n int) []*http.Request {
	requests := make([]*http.Request, n)
	var all sync.WaitGroup
	for part := range 4 {
		all.Go(func() {
			for i := part; i < n; i += 4 {
				signer := signers[i%len(signers)]
				actor := signer.ID[:len(signer.ID)-len("#main-key")]
				body := encode(t, object{
					"@context": "https://www.w3.org/ns/activitystreams", "id": fmt.Sprintf("%s/likes/%d", actor, i), "type": "Like", "actor": actor,
					"object": "https://video.example/videos/0123456789", "to": []string{"https://www.w3.org/ns/activitystreams#Public"},
				})
				r, err := http.NewRequest(http.MethodPost, url+"/inbox", bytes.NewReader(body))
				if err == nil {
					r.Header.Set("Content-Type", "application/activity+json")
					r.Header.Set("X-Caller", fmt.Sprint(i%1000))
					err = signer.Sign(r, body)
				}
				if err != nil {
					t.Error(err)
				}
				requests[i] = r
			}
		})
	}
	all.Wait()
	return requests
}

func processorTime(t *testing.T) time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		t.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// bareVerify measures RSA verifications a second, on all cores were they free.
func bareVerify(t *testing.T, key *rsa.PrivateKey) float64 {
	sum := sha256.Sum256([]byte("x"))
	proof, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	var n atomic.Int64
	var all sync.WaitGroup
	before, end := processorTime(t), time.Now().Add(2*time.Second)
	for range runtime.GOMAXPROCS(0) {
		all.Go(func() {
			for time.Now().Before(end) {
				if rsa.VerifyPKCS1v15(&key.PublicKey, crypto.SHA256, sum[:], proof) != nil {
					return
				}
				n.Add(1)
			}
		})
	}
	all.Wait()
	return float64(n.Load()) / (processorTime(t) - before).Seconds() * float64(runtime.GOMAXPROCS(0))
}
