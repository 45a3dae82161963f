// Rulemanager runs Prometheus' own rule groups over a database at times of the past, and writes there what a Prometheus that
// ran then would have written: recorded series, ALERTS and ALERTS_FOR_STATE. It reads a plan from standard input.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/url"
	"os"
	"path/filepath"
	"sort"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/promslog"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/rules"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb"
)

// Prometheus' own defaults of --rules.alert.for-outage-tolerance and --rules.alert.for-grace-period.
const (
	outageTolerance = time.Hour
	forGracePeriod  = 10 * time.Minute
)

// A head of ten thousand days keeps all histories in one piece, and takes samples of any of them.
const blockMilliseconds = 10_000 * 24 * 3600 * 1000

type plan struct {
	Folder string `json:"folder"`
	Plays  []play `json:"plays"`
}

// One history: its rule files, and when each evaluates. Times are in seconds since 1970.
type play struct {
	Files   []string     `json:"files"`
	Start   float64      `json:"start"`
	End     float64      `json:"end"`
	Skew    float64      `json:"skew"`
	Seconds float64      `json:"interval"`
	Outages [][2]float64 `json:"outages"`
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	var p plan
	if err := json.NewDecoder(os.Stdin).Decode(&p); err != nil {
		return err
	}
	options := tsdb.DefaultOptions()
	options.MinBlockDuration, options.MaxBlockDuration = blockMilliseconds, blockMilliseconds
	options.RetentionDuration = math.MaxInt64
	logger := promslog.NewNopLogger()
	db, err := tsdb.Open(p.Folder, logger, prometheus.NewRegistry(), options, nil)
	if err != nil {
		return err
	}
	db.DisableCompactions()
	defer db.Close()
	engine := promql.NewEngine(promql.EngineOpts{
		Logger: logger, MaxSamples: 50_000_000, Timeout: 2 * time.Minute, LookbackDelta: 5 * time.Minute,
		EnableAtModifier: true, EnableNegativeOffset: true,
	})
	manager := &rules.ManagerOptions{
		ExternalURL: &url.URL{}, QueryFunc: rules.EngineQueryFunc(engine, db), Context: context.Background(),
		NotifyFunc: func(context.Context, string, ...*rules.Alert) {},
		Appendable: db, Queryable: storage.Queryable(db), Logger: logger, Registerer: prometheus.NewRegistry(),
		OutageTolerance: outageTolerance, ForGracePeriod: forGracePeriod, ResendDelay: time.Minute,
	}
	manager.Metrics = rules.NewGroupMetrics(manager.Registerer)
	for _, one := range p.Plays {
		if err := evaluate(one, manager); err != nil {
			return err
		}
	}
	return nil
}

// A group of a play, its rounds so far, and whether it began anew after an outage.
type turn struct {
	make  func(restore bool) *rules.Group
	group *rules.Group
	every float64
	next  float64
	// Rounds since it began; its state is restored after the second one.
	rounds  int
	restore bool
}

func evaluate(p play, manager *rules.ManagerOptions) error {
	turns, err := turnsOf(p, manager)
	if err != nil {
		return err
	}
	ctx := context.Background()
	for len(turns) > 0 {
		sort.SliceStable(turns, func(a, b int) bool { return turns[a].next < turns[b].next })
		now := turns[0]
		if now.next > p.End {
			break
		}
		at := time.UnixMilli(int64(math.Round(now.next * 1000))).UTC()
		if down(now.next, p.Outages) {
			now.group = nil
		} else {
			if now.group == nil {
				now.restore = now.rounds > 0
				now.group, now.rounds = now.make(now.restore), 0
			}
			now.group.Eval(ctx, at)
			now.rounds++
			if now.restore && now.rounds == 2 {
				now.group.RestoreForState(at)
			}
			for _, rule := range now.group.Rules() {
				if err := rule.LastError(); err != nil {
					return fmt.Errorf("%s at %v: %w", rule.Name(), at, err)
				}
			}
		}
		now.next += now.every
	}
	return nil
}

func turnsOf(p play, manager *rules.ManagerOptions) ([]*turn, error) {
	var out []*turn
	for _, path := range p.Files {
		found, errs := rules.FileLoader{}.Load(path, false)
		if len(errs) > 0 {
			return nil, errs[0]
		}
		for _, g := range found.Groups {
			interval := time.Duration(g.Interval)
			if interval == 0 {
				interval = time.Duration(p.Seconds * float64(time.Second))
			}
			made := func(restore bool) *rules.Group {
				var listed []rules.Rule
				for _, r := range g.Rules {
					expr, err := parser.ParseExpr(r.Expr)
					if err != nil {
						panic(err)
					}
					if r.Alert == "" {
						listed = append(listed, rules.NewRecordingRule(r.Record, expr, labels.FromMap(r.Labels)))
						continue
					}
					listed = append(listed, rules.NewAlertingRule(
						r.Alert, expr, time.Duration(r.For), time.Duration(r.KeepFiringFor), labels.FromMap(r.Labels),
						labels.EmptyLabels(), labels.EmptyLabels(), "", !restore, manager.Logger,
					))
				}
				return rules.NewGroup(rules.GroupOptions{
					Name: g.Name, File: filepath.Base(path), Interval: interval, Rules: listed, ShouldRestore: restore,
					Opts: manager,
				})
			}
			first := p.Start + p.Skew + float64(len(out))
			out = append(out, &turn{make: made, group: made(false), every: interval.Seconds(), next: first})
		}
	}
	return out, nil
}

func down(at float64, outages [][2]float64) bool {
	for _, o := range outages {
		if o[0] <= at && at < o[1] {
			return true
		}
	}
	return false
}
