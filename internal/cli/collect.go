package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"sshwhy/internal/evidence"
	"sshwhy/internal/evidence/local"
	"sshwhy/internal/evidence/redact"
	"sshwhy/internal/evidence/replay"
	"sshwhy/internal/evidence/script"
	"sshwhy/internal/render"
	"sshwhy/internal/server"
)

// newCollect is "sshwhy collect": record what a diagnosis needs into one file.
func newCollect(a *app) *cobra.Command {
	var f serverFlags
	var out string
	var force, strict, asScript bool
	cmd := &cobra.Command{
		Use:   "collect -o FILE",
		Short: "Record what a diagnosis of this machine needs into one redacted file",
		Long: `Record what "sshwhy server" would look at into one file, without private keys,
passwords or hashes, so that it can be diagnosed elsewhere and later:

  sudo sshwhy collect -o web1.sshwhy
  sshwhy server --from web1.sshwhy

Where nothing but a console is left, paste a script into it, and its output back:

  sshwhy collect --script
  sshwhy server --from -`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if asScript {
				return writeScript(a.Out, f)
			}
			if out == "" {
				return usage("name the file: sudo sshwhy collect -o web1.sshwhy", "no file given")
			}
			q, err := f.query()
			if err != nil {
				return err
			}
			b, err := local.Fill(cmd.Context(), server.Manifest(q), local.Options{Tool: version()})
			if err != nil {
				return err
			}
			b = redact.Bundle(b, redact.Options{Strict: strict})
			if out == "-" {
				return replay.Write(a.Out, b)
			}
			if err := replay.Save(out, b, force); errors.Is(err, fs.ErrExist) {
				return usage("choose another name, or say --force to replace it", "%s is there already", out)
			} else if err != nil {
				return usage("name a file that can be written: -o FILE", "cannot write the bundle: %s", reason(err))
			}
			fmt.Fprintf(a.Err, "wrote %s: %d items. Read it before you send it; nothing was sent anywhere.\n", render.Safe(out), len(b.Keys()))
			if os.Geteuid() > 0 {
				fmt.Fprintln(a.Err, "without root some things could not be looked at: sudo sshwhy collect sees them")
			}
			return nil
		},
	}
	cmd.Flags().StringVarP(&out, "output", "o", "", "file to write (- for standard output)")
	cmd.Flags().BoolVar(&asScript, "script", false, "print a shell script to paste into a console instead; paste its output into sshwhy server --from -")
	cmd.Flags().BoolVar(&force, "force", false, "replace the file if it is there")
	cmd.Flags().BoolVar(&strict, "redact-strict", false, "also replace addresses, names and public keys by pseudonyms")
	f.add(cmd)
	return cmd
}

// writeScript prints the script for a console: what a diagnosis asks for first,
// and the places where its later rounds are known to lead.
func writeScript(w io.Writer, f serverFlags) error {
	q, err := f.query()
	if err != nil {
		return err
	}
	plan := script.Foresee(server.Manifest(q), supposed(q.User, q.Client)...)
	plan.Files = append(plan.Files, "/etc/ssh/sshd_config.d/*.conf")
	plan.Processes = []string{"sshd", "dropbear", "systemd"}
	plan.PerProcess = []evidence.Item{evidence.Stat("exe")}
	for _, name := range []string{"status", "cgroup", "cmdline", "stat"} {
		plan.PerProcess = append(plan.PerProcess, evidence.File(name).AtMost(8<<10))
	}
	plan.PerProcess = append(plan.PerProcess, evidence.File("maps").AtMost(16<<10))
	return script.Write(w, plan, script.Options{Tool: version()})
}
