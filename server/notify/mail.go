package notify

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"mime"
	"mime/quotedprintable"
	"net"
	"net/smtp"
	"os"
	"strings"
	"time"
)

const (
	secretBytes = 1 << 10
	secure      = "465" // the port where TLS comes first (RFC 8314)
)

// mail hands a message to the mail server.
func (cfg settings) mail(ctx context.Context, m Message) error {
	from, to := cfg.value["notify.from"], cfg.value["notify.to"]
	if from == "" || to == "" {
		return errors.New("mail needs notify.from and notify.to")
	}
	address := cfg.value["notify.smtp"]
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("read notify.smtp: %w", err)
	}
	conn, err := (&net.Dialer{Timeout: sendTime / 2}).DialContext(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("connect to the mail server: %w", err)
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, closing(conn))() // a server that stops waits for no mail
	if deadline, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(deadline) // of the whole conversation
	}
	config := &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12}
	if port == secure {
		conn = tls.Client(conn, config)
	}
	c, err := smtp.NewClient(conn, host)
	if err != nil {
		return fmt.Errorf("speak to the mail server: %w", err)
	}
	defer c.Close()
	if err := cfg.greet(c, config, port); err != nil {
		return fmt.Errorf("speak to the mail server: %w", err)
	}
	if err := transfer(c, from, to, cfg.letter(m, from, to)); err != nil {
		return fmt.Errorf("hand over the mail: %w", err)
	}
	_ = c.Quit() // the mail is theirs now, however they say goodbye
	return nil
}

func closing(c net.Conn) func() { return func() { c.Close() } }

// greet says who we are, goes over to TLS where the server can, and logs in where a name is
// given: over TLS only, unless the server is on this machine.
func (cfg settings) greet(c *smtp.Client, config *tls.Config, port string) error {
	name, _, err := net.SplitHostPort(cfg.host)
	if err != nil {
		name = cfg.host
	}
	if err := c.Hello(name); err != nil {
		return err
	}
	if can, _ := c.Extension("STARTTLS"); can && port != secure {
		if err := c.StartTLS(config); err != nil {
			return err
		}
	}
	if cfg.value["notify.user"] == "" {
		return nil
	}
	password, err := secret(cfg.value["notify.password_file"])
	if err != nil {
		return err
	}
	return c.Auth(smtp.PlainAuth("", cfg.value["notify.user"], password, config.ServerName))
}

// secret reads a password from a file that nobody else can read.
func secret(path string) (string, error) {
	if path == "" {
		return "", errors.New("notify.user is set and notify.password_file is not")
	}
	info, err := os.Stat(path)
	if err != nil {
		return "", fmt.Errorf("read notify.password_file: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 || info.Size() > secretBytes {
		return "", errors.New("notify.password_file can be read by others, or is no password: chmod 600 it")
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("read notify.password_file: %w", err)
	}
	return strings.TrimRight(string(text), "\r\n"), nil
}

func transfer(c *smtp.Client, from, to string, letter []byte) error {
	if err := c.Mail(from); err != nil {
		return err
	}
	if err := c.Rcpt(to); err != nil {
		return err
	}
	w, err := c.Data()
	if err != nil {
		return err
	}
	_, err = w.Write(letter)
	return errors.Join(err, w.Close())
}

// letter writes a mail (RFC 5322). Whatever a stranger wrote stands in the body, or is encoded.
func (cfg settings) letter(m Message, from, to string) []byte {
	var b bytes.Buffer
	_, domain, _ := strings.Cut(from, "@")
	for _, header := range [][2]string{
		{"From", from}, {"To", to}, {"Subject", mime.QEncoding.Encode("utf-8", clean(m.Title, longText))}, {"Date", m.At.Format(time.RFC1123Z)},
		{"Message-ID", "<" + rand.Text() + "@" + domain + ">"}, {"Auto-Submitted", "auto-generated"}, {"MIME-Version", "1.0"},
		{"Content-Type", "text/plain; charset=utf-8"}, {"Content-Transfer-Encoding", "quoted-printable"},
	} {
		fmt.Fprintf(&b, "%s: %s\r\n", header[0], header[1])
	}
	b.WriteString("\r\n")
	w := quotedprintable.NewWriter(&b)
	text := m.Text + "\n\n-- \n" + m.Channel + "\n" + m.URL + "\n"
	_, _ = w.Write([]byte(strings.ReplaceAll(text, "\n", "\r\n"))) // into memory
	_ = w.Close()
	return b.Bytes()
}
