package main

import (
	"context"
	"net/url"
	"path"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/etcdutl/v3/snapshot"
	"go.etcd.io/etcd/server/v3/embed"
	"go.etcd.io/etcd/server/v3/etcdserver/api/v3client"
	"go.etcd.io/etcd/server/v3/storage/wal"
	"go.uber.org/zap"
)

// Pods have their own loopback interfaces, so only programs of the mesh itself reach this.
const etcdAddress = "127.0.0.1:2379"

// startEtcd serves a new data folder, with the content of a snapshot if there is one. It is not durable: a mesh ends with
// its processes.
func startEtcd(folder, data string) (*embed.Etcd, error) {
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
	if data != "" {
		if err := snapshot.NewV3(zap.NewNop()).Restore(snapshot.RestoreConfig{
			SnapshotPath: data, OutputDataDir: folder, Name: config.Name, SkipHashCheck: true,
			PeerURLs: []string{embed.DefaultInitialAdvertisePeerURLs}, InitialCluster: config.InitialCluster,
			InitialClusterToken: config.InitialClusterToken,
		}); err != nil {
			return nil, err
		}
	}
	server, err := embed.StartEtcd(config)
	if err != nil {
		return nil, err
	}
	<-server.Server.ReadyNotify()
	return server, nil
}

// Prefixes of keys that belong to one run: the CA of its certificates, its own leases, and what happened.
var keysOfARun = []string{"/registry/leases/", "/registry/masterleases/", "/registry/events/"}

// saveEtcd drops what belongs to this run, and all revisions but the newest, and saves a snapshot of the rest.
func saveEtcd(ctx context.Context, server *embed.Etcd, out string) error {
	client := v3client.New(server.Server)
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
	if err := server.Server.Backend().Defrag(); err != nil {
		return err
	}
	_, err = snapshot.NewV3(zap.NewNop()).Save(ctx, clientv3.Config{Endpoints: []string{etcdAddress}}, out)
	return err
}
