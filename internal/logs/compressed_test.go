package logs

import (
	"bytes"
	"encoding/base64"
	"errors"
	"testing"
)

// oneLineBzip2 is one line of a log as bzip2 1.0.8 compresses it.
const oneLineBzip2 = "QlpoOTFBWSZTWaVQNFsAABTfgAAQQAF+EAEBAAo3Zt2AIABIinhNQabSMRoYg1TeqeobUAGTQP1RyXrfeZDCzQ1YReTbAZupFTlVAVCdRAOUVnavIvXt4Q8+ThRwZOCLCXBDmLBq/xdyRThQkKVQNFs="

// TestBzip2: bzip2 is read, half a file is an error, and xz is named as what it is.
func TestBzip2(t *testing.T) {
	data, err := base64.StdEncoding.DecodeString(oneLineBzip2)
	if err != nil {
		t.Fatal(err)
	}
	if Sniff(data, false) != Log {
		t.Error("bzip2 is not seen to be a log")
	}
	s, err := Summarize(bytes.NewReader(data), Options{})
	if err != nil || s.Server != 1 || len(s.Causes) != 1 || s.Causes[0].Cause != "password-rejected" {
		t.Errorf("%+v, %v", s, err)
	}
	if _, err := Summarize(bytes.NewReader(data[:len(data)/2]), Options{}); err == nil {
		t.Error("half of a bzip2 file gives no error")
	}
	xz := []byte("\xfd7zXZ\x00\x00\x04")
	if _, err := Summarize(bytes.NewReader(xz), Options{}); !errors.Is(err, ErrXZ) || Sniff(xz, false) != Log {
		t.Errorf("xz: %v", err)
	}
}
