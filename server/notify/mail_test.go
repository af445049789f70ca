package notify

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"mime"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"net/smtp"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// postOffice is a mail server that speaks SMTP (RFC 5321) as far as a client of ours needs.
type postOffice struct {
	at      string
	tls     *tls.Config // nil: it has none
	refuse  string      // the command that is answered 550
	said    []string    // by the client, in the clear and after
	letter  string
	secured bool
	done    chan struct{}
}

func (p *postOffice) open(t *testing.T) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	p.at, p.done = l.Addr().String(), make(chan struct{})
	go func() {
		defer close(p.done)
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		fmt.Fprint(conn, "220 post.example ESMTP\r\n")
		p.talk(conn)
	}()
}

func (p *postOffice) talk(conn net.Conn) {
	lines := bufio.NewReader(conn)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimRight(line, "\r\n")
		p.said = append(p.said, line)
		verb, _, _ := strings.Cut(strings.ToUpper(line), " ")
		switch {
		case verb == p.refuse:
			fmt.Fprint(conn, "550 no\r\n")
		case verb == "EHLO" && p.tls != nil && !p.secured:
			fmt.Fprint(conn, "250-post.example\r\n250 STARTTLS\r\n")
		case verb == "EHLO":
			fmt.Fprint(conn, "250-post.example\r\n250-8BITMIME\r\n250 AUTH PLAIN\r\n")
		case verb == "STARTTLS":
			fmt.Fprint(conn, "220 go\r\n")
			p.secured = true
			p.talk(tls.Server(conn, p.tls))
			return
		case verb == "AUTH":
			fmt.Fprint(conn, "235 in\r\n")
		case verb == "DATA":
			fmt.Fprint(conn, "354 send\r\n")
			for {
				line, err := lines.ReadString('\n')
				if err != nil || line == ".\r\n" {
					break
				}
				p.letter += strings.TrimPrefix(line, ".")
			}
			fmt.Fprint(conn, "250 taken\r\n")
		case verb == "QUIT":
			fmt.Fprint(conn, "221 bye\r\n")
			return
		default:
			fmt.Fprint(conn, "250 ok\r\n")
		}
	}
}

// TestMain has this process believe in a certificate for 127.0.0.1, as a system would that
// has the creator's mail server in its list.
func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "notify-")
	if err == nil {
		err = makeCertificate(dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Setenv("SSL_CERT_FILE", filepath.Join(dir, "cert.pem"))
	os.Setenv("TUBELET_TEST_CERTS", dir)
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

func makeCertificate(dir string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	for name, block := range map[string]*pem.Block{"cert.pem": {Type: "CERTIFICATE", Bytes: der}, "key.pem": {Type: "PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
			return err
		}
	}
	return nil
}

func certificates(t *testing.T) *tls.Config {
	t.Helper()
	dir := os.Getenv("TUBELET_TEST_CERTS")
	cert, err := tls.LoadX509KeyPair(filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"))
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{cert}}
}

// byPost sets a channel's mail up.
func byPost(t *testing.T, office *postOffice, more map[string]string) *world {
	t.Helper()
	office.open(t)
	w := newWorld(t)
	set := map[string]string{"notify.url": "", "notify.smtp": office.at, "notify.from": "tube@video.example", "notify.to": "me@mail.example"}
	for key, value := range more {
		set[key] = value
	}
	for key, value := range set {
		w.ok(w.Store.SetSetting(t.Context(), key, value))
	}
	return w
}

func TestMail(t *testing.T) {
	office := &postOffice{tls: certificates(t)}
	file := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(file, []byte("geheim\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	w := byPost(t, office, map[string]string{"notify.user": "tube", "notify.password_file": file})
	w.look(0)
	w.comment("Grüße\r\n.\r\nRCPT TO:evil@example.com", "shown")
	w.look(time.Minute)
	<-office.done
	want := []string{
		"EHLO video.example", "STARTTLS", "EHLO video.example", "AUTH PLAIN " + base64.StdEncoding.EncodeToString([]byte("\x00tube\x00geheim")),
		"MAIL FROM:<tube@video.example> BODY=8BITMIME", "RCPT TO:<me@mail.example>", "DATA", "QUIT",
	}
	if got := strings.Join(office.said, "\n"); got != strings.Join(want, "\n") {
		t.Errorf("it said\n%s", got)
	}
	letter, err := mail.ReadMessage(strings.NewReader(office.letter))
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(quotedprintable.NewReader(letter.Body))
	if err != nil || !strings.Contains(string(body), "@ada@a.example: Grüße . RCPT TO:evil@example.com") {
		t.Errorf("%q %v", body, err)
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(letter.Header.Get("Subject"))
	if err != nil || subject != "New: a comment" || letter.Header.Get("Auto-Submitted") != "auto-generated" || letter.Header.Get("Message-ID") == "" {
		t.Errorf("%+v %v", letter.Header, err)
	}
	if _, err := letter.Header.Date(); err != nil {
		t.Error(err)
	}
}

// TestMailRefusals looks that no password goes out in the clear or from an open file, and
// that what was refused is not called sent.
func TestMailRefusals(t *testing.T) {
	closed := filepath.Join(t.TempDir(), "closed")
	open := filepath.Join(t.TempDir(), "open")
	for file, mode := range map[string]os.FileMode{closed: 0o600, open: 0o644} {
		if err := os.WriteFile(file, []byte("geheim"), mode); err != nil {
			t.Fatal(err)
		}
	}
	for name, tt := range map[string]struct {
		office postOffice
		more   map[string]string
		says   string
	}{
		"open file":     {postOffice{}, map[string]string{"notify.user": "u", "notify.password_file": open}, "chmod 600"},
		"no file":       {postOffice{}, map[string]string{"notify.user": "u"}, "notify.password_file is not"},
		"missing file":  {postOffice{}, map[string]string{"notify.user": "u", "notify.password_file": closed + "x"}, "no such file"},
		"other name":    {postOffice{tls: &tls.Config{}}, nil, "tls"},
		"bad recipient": {postOffice{refuse: "RCPT"}, nil, "550"},
		"bad letter":    {postOffice{refuse: "DATA"}, nil, "550"},
		"no sender":     {postOffice{}, map[string]string{"notify.from": ""}, "notify.from"},
	} {
		t.Run(name, func(t *testing.T) {
			w := byPost(t, &tt.office, tt.more)
			err := Try(t.Context(), w.Store, byMail)
			if err == nil || !strings.Contains(err.Error(), tt.says) || strings.Contains(err.Error(), "geheim") {
				t.Errorf("%v, want %q", err, tt.says)
			}
			if tt.office.letter != "" {
				t.Error("a letter was sent")
			}
		})
	}
}

func TestPasswordNeedsTLS(t *testing.T) {
	cfg := settings{value: map[string]string{"notify.user": "u"}, host: "video.example"}
	file := filepath.Join(t.TempDir(), "p")
	if err := os.WriteFile(file, []byte("geheim"), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg.value["notify.password_file"] = file
	// A server on another machine: what it is called decides, not where it is.
	office := &postOffice{}
	office.open(t)
	conn, err := net.Dial("tcp", office.at)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	c, err := smtp.NewClient(conn, "mail.example")
	if err != nil {
		t.Fatal(err)
	}
	if err := cfg.greet(c, &tls.Config{ServerName: "mail.example"}, "587"); err == nil || !strings.Contains(err.Error(), "unencrypted") {
		t.Errorf("%v", err)
	}
	for _, line := range office.said {
		if strings.HasPrefix(line, "AUTH") {
			t.Errorf("it said %q", line)
		}
	}
}

func TestMailServerHangs(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	w := newWorld(t)
	for key, value := range map[string]string{"notify.smtp": l.Addr().String(), "notify.from": "a@b.example", "notify.to": "c@d.example"} {
		w.ok(w.Store.SetSetting(t.Context(), key, value))
	}
	_, cfg, err := open(t.Context(), w.Store)
	w.ok(err)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := cfg.mail(ctx, Message{}); err == nil {
		t.Error("it was called sent")
	}
	ctx, cancel = context.WithCancel(t.Context()) // as at the stop of the server
	time.AfterFunc(50*time.Millisecond, cancel)
	if err := cfg.mail(ctx, Message{}); err == nil {
		t.Error("it was called sent")
	}
}

func TestMailIsTakenBeforeGoodbye(t *testing.T) {
	w := byPost(t, &postOffice{tls: certificates(t), refuse: "QUIT"}, nil)
	if err := Try(t.Context(), w.Store, byMail); err != nil {
		t.Errorf("it would be sent again: %v", err)
	}
}
