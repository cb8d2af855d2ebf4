package main

import (
	"bytes"
	"context"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/embed"
	"go.etcd.io/etcd/server/v3/etcdserver/api/v3client"
	"go.etcd.io/etcd/server/v3/storage/wal"
)

// Pods have their own loopback interfaces, so only programs of the mesh itself reach this.
const etcdAddress = "127.0.0.1:2379"

// startEtcd serves a data folder. It is not durable: a mesh ends with its processes.
func startEtcd(folder string) (*embed.Etcd, error) {
	// etcd allocates whole segments of its log: 64 MB by default.
	wal.SegmentSizeBytes = 4 << 20
	config := embed.NewConfig()
	config.Dir = folder
	config.UnsafeNoFsync = true
	config.LogLevel = "error"
	config.ListenClientUrls = []url.URL{{Scheme: "http", Host: etcdAddress}}
	config.AdvertiseClientUrls = config.ListenClientUrls
	config.ListenPeerUrls = nil
	// The only member waits for this long before it elects itself.
	config.TickMs = 10
	config.ElectionMs = 100
	server, err := embed.StartEtcd(config)
	if err != nil {
		return nil, err
	}
	<-server.Server.ReadyNotify()
	return server, nil
}

// Prefixes of keys that belong to one run: the CA of its certificates, its own leases, and what happened.
var keysOfARun = []string{"/registry/leases/", "/registry/masterleases/", "/registry/events/"}

// shrink drops what belongs to this run, all revisions but the newest, and their space.
func shrink(server *embed.Etcd) error {
	client := v3client.New(server.Server)
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for _, prefix := range keysOfARun {
		if _, err := client.Delete(ctx, prefix, clientv3.WithPrefix()); err != nil {
			return err
		}
	}
	answer, err := client.Get(ctx, "/registry/configmaps/", clientv3.WithPrefix(), clientv3.WithKeysOnly())
	if err != nil {
		return err
	}
	for _, one := range answer.Kvs {
		// The controllers make it again, with the authority of their run.
		if path.Base(string(one.Key)) == "kube-root-ca.crt" {
			if _, err := client.Delete(ctx, string(one.Key)); err != nil {
				return err
			}
		}
	}
	if answer, err = client.Get(ctx, "/", clientv3.WithLimit(1)); err != nil {
		return err
	}
	if _, err := client.Compact(ctx, answer.Header.Revision, clientv3.WithCompactPhysical()); err != nil {
		return err
	}
	return server.Server.Backend().Defrag()
}

// saveEtcd copies the folder of a stopped etcd, without the zeros that its logs end with.
func saveEtcd(from, to string) error {
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		return err
	}
	logs, err := filepath.Glob(filepath.Join(to, "member", "wal", "*"))
	if err != nil {
		return err
	}
	for _, log := range logs {
		if filepath.Ext(log) == ".tmp" {
			if err := os.Remove(log); err != nil {
				return err
			}
			continue
		}
		content, err := os.ReadFile(log)
		if err != nil {
			return err
		}
		// Records begin at multiples of 8 bytes, and end with up to 7 zeros.
		length := (len(bytes.TrimRight(content, "\x00")) + 15) &^ 7
		if length < len(content) {
			if err := os.Truncate(log, int64(length)); err != nil {
				return err
			}
		}
	}
	return nil
}
