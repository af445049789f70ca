# nix run 'github:tubelet/tubelet?dir=.ci/release' -- version
# On NixOS: imports = [ tubelet.nixosModules.default ]; services.tubelet.enable = true;
{
  description = "One person's video channel in one program";
  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";

  outputs = { self, nixpkgs }:
    let
      systems = [ "x86_64-linux" "aarch64-linux" "armv7l-linux" "x86_64-darwin" "aarch64-darwin" ];
      each = f: nixpkgs.lib.genAttrs systems (system: f nixpkgs.legacyPackages.${system});
    in
    {
      packages = each (pkgs: {
        default = pkgs.buildGoModule {
          pname = "tubelet";
          version = self.shortRev or "dirty";
          src = ../..;
          # nix prints the right value when it is wrong; it changes with go.sum.
          vendorHash = pkgs.lib.fakeHash;
          env.CGO_ENABLED = 0;
          subPackages = [ "." ];
          ldflags = [ "-s" "-w" ];
          nativeBuildInputs = [ pkgs.installShellFiles pkgs.makeWrapper ];
          postInstall = ''
            installShellCompletion --cmd tubelet \
              --bash <($out/bin/tubelet completion bash) --zsh <($out/bin/tubelet completion zsh) --fish <($out/bin/tubelet completion fish)
            wrapProgram $out/bin/tubelet --prefix PATH : ${pkgs.lib.makeBinPath [ pkgs.ffmpeg-headless ]}
          '';
          meta = { license = pkgs.lib.licenses.asl20; mainProgram = "tubelet"; };
        };
      });

      nixosModules.default = { config, lib, pkgs, ... }: {
        options.services.tubelet.enable = lib.mkEnableOption "Tubelet, a video channel";
        config = lib.mkIf config.services.tubelet.enable {
          environment.systemPackages = [ self.packages.${pkgs.system}.default ];
          users.users.tubelet = { isSystemUser = true; group = "tubelet"; home = "/var/lib/tubelet"; };
          users.groups.tubelet = { };
          systemd.services.tubelet = {
            wantedBy = [ "multi-user.target" ];
            wants = [ "network-online.target" ];
            after = [ "network-online.target" ];
            serviceConfig = { # as tubelet init --systemd writes it
              Type = "notify";
              NotifyAccess = "main";
              WatchdogSec = 60;
              ExecStart = "${lib.getExe self.packages.${pkgs.system}.default} serve --data /var/lib/tubelet";
              ExecReload = "/bin/sh -c 'kill -HUP $MAINPID'";
              User = "tubelet";
              StateDirectory = "tubelet";
              StateDirectoryMode = "0700";
              RuntimeDirectory = "tubelet";
              RuntimeDirectoryMode = "0750";
              ReadWritePaths = [ "-/mnt" "-/media" ];
              Restart = "on-failure";
              RestartSec = 5;
              TimeoutStopSec = 20;
              KillMode = "mixed";
              LimitNOFILE = 65536;
              CPUWeight = 50;
              IOWeight = 50;
              AmbientCapabilities = "CAP_NET_BIND_SERVICE";
              CapabilityBoundingSet = "CAP_NET_BIND_SERVICE";
              DevicePolicy = "closed";
              DeviceAllow = [ "char-drm rw" "char-video4linux rw" ];
              LockPersonality = true;
              MemoryDenyWriteExecute = true;
              NoNewPrivileges = true;
              PrivateTmp = true;
              ProtectClock = true;
              ProtectControlGroups = true;
              ProtectHome = true;
              ProtectHostname = true;
              ProtectKernelLogs = true;
              ProtectKernelModules = true;
              ProtectKernelTunables = true;
              ProtectProc = "invisible";
              ProtectSystem = "strict";
              RestrictAddressFamilies = [ "AF_INET" "AF_INET6" "AF_UNIX" "AF_NETLINK" ];
              RestrictNamespaces = true;
              RestrictRealtime = true;
              RestrictSUIDSGID = true;
              SystemCallArchitectures = "native";
              SystemCallErrorNumber = "EPERM";
              SystemCallFilter = [ "@system-service" "landlock_create_ruleset" "landlock_add_rule" "landlock_restrict_self" "~@privileged" ];
              UMask = "0077";
            };
          };
        };
      };
    };
}
