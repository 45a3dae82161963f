// Operator tells what prometheus-operator makes of objects: the configuration of a Prometheus and of an Alertmanager.
//
// It reads objects as YAML from standard input, Secrets among them, takes them through the operator's own selection,
// validation and generation, and prints JSON: the two configurations, the rule files, and the objects that are refused.
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"log/slog"
	"os"
	"sort"

	"github.com/blang/semver/v4"
	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/record"
	"sigs.k8s.io/yaml"

	"github.com/prometheus-operator/prometheus-operator/pkg/alertmanager"
	validation "github.com/prometheus-operator/prometheus-operator/pkg/alertmanager/validation/v1alpha1"
	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	monitoringv1alpha1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1alpha1"
	"github.com/prometheus-operator/prometheus-operator/pkg/assets"
	"github.com/prometheus-operator/prometheus-operator/pkg/operator"
	prom "github.com/prometheus-operator/prometheus-operator/pkg/prometheus"
)

// The namespace of the operator's servers, and of every object that names none.
const namespace = "monitoring"

// What is printed. Refused maps a kind and a name to why.
type answer struct {
	Prometheus   string            `json:"prometheus"`
	Alertmanager string            `json:"alertmanager"`
	Rules        map[string]string `json:"rules"`
	Refused      map[string]string `json:"refused"`
}

type object interface {
	runtime.Object
	metav1.Object
}

func main() {
	log.SetFlags(0)
	role := flag.String("role", "Endpoints", "how a Prometheus finds Services: Endpoints or EndpointSlice")
	strategy := flag.String("strategy", "None", "alertmanagerConfigMatcherStrategy of the Alertmanager")
	selector := flag.String("selector", "", "labels by which the servers select objects, such as release=x")
	flag.Parse()

	chosen, err := metav1.ParseToLabelSelector(*selector)
	if err != nil {
		log.Fatal(err)
	}
	objects, err := read(os.Stdin)
	if err != nil {
		log.Fatal(err)
	}
	made, err := generate(objects, monitoringv1.ServiceDiscoveryRole(*role), *strategy, chosen)
	if err != nil {
		log.Fatal(err)
	}
	if err := json.NewEncoder(os.Stdout).Encode(made); err != nil {
		log.Fatal(err)
	}
}

// read returns the objects of every kind that the operator knows, decoded strictly; others are passed over.
func read(in io.Reader) (map[string][]object, error) {
	text, err := io.ReadAll(in)
	if err != nil {
		return nil, err
	}
	found := map[string][]object{}
	reader := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(text)))
	for {
		document, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return found, nil
		}
		if err != nil {
			return nil, err
		}
		var head metav1.TypeMeta
		if err := yaml.Unmarshal(document, &head); err != nil {
			return nil, err
		}
		empty := map[string]func() object{
			"Secret":             func() object { return &corev1.Secret{} },
			"PrometheusRule":     func() object { return &monitoringv1.PrometheusRule{} },
			"PodMonitor":         func() object { return &monitoringv1.PodMonitor{} },
			"ServiceMonitor":     func() object { return &monitoringv1.ServiceMonitor{} },
			"Probe":              func() object { return &monitoringv1.Probe{} },
			"ScrapeConfig":       func() object { return &monitoringv1alpha1.ScrapeConfig{} },
			"AlertmanagerConfig": func() object { return &monitoringv1alpha1.AlertmanagerConfig{} },
		}[head.Kind]
		if empty == nil {
			continue
		}
		one := empty()
		if err := yaml.UnmarshalStrict(document, one); err != nil {
			return nil, fmt.Errorf("%s: %w", head.Kind, err)
		}
		one.SetNamespace(namespace)
		found[head.Kind] = append(found[head.Kind], one)
	}
}


func generate(
	objects map[string][]object, role monitoringv1.ServiceDiscoveryRole, strategy string, chosen *metav1.LabelSelector,
) (*answer, error) {
	ctx, quiet := context.Background(), slog.New(slog.NewTextHandler(io.Discard, nil))
	made := &answer{Rules: map[string]string{}, Refused: map[string]string{}}
	var secrets []any
	for _, one := range objects["Secret"] {
		secret := one.(*corev1.Secret)
		secret.Data = map[string][]byte{}
		for key, value := range secret.StringData {
			secret.Data[key] = []byte(value)
		}
		secrets = append(secrets, secret)
	}
	store := assets.NewTestStoreBuilder(secrets...)

	server := &monitoringv1.Prometheus{ObjectMeta: metav1.ObjectMeta{Name: "server", Namespace: namespace}}
	server.Spec.ServiceDiscoveryRole = &role
	server.Spec.ScrapeInterval, server.Spec.EvaluationInterval = "30s", "30s"
	server.Spec.ServiceMonitorSelector, server.Spec.PodMonitorSelector = chosen, chosen
	server.Spec.ProbeSelector, server.Spec.ScrapeConfigSelector = chosen, chosen
	events := record.NewFakeRecorder(10_000)
	metrics := operator.NewMetrics(prometheus.NewRegistry())
	choice, err := prom.NewResourceSelector(quiet, server, store, nil, metrics, events)
	if err != nil {
		return nil, err
	}
	services, err := choice.SelectServiceMonitors(ctx, listed(objects["ServiceMonitor"]))
	if err != nil {
		return nil, err
	}
	pods, err := choice.SelectPodMonitors(ctx, listed(objects["PodMonitor"]))
	if err != nil {
		return nil, err
	}
	probes, err := choice.SelectProbes(ctx, listed(objects["Probe"]))
	if err != nil {
		return nil, err
	}
	configs, err := choice.SelectScrapeConfigs(ctx, listed(objects["ScrapeConfig"]))
	if err != nil {
		return nil, err
	}
	close(events.Events)
	for event := range events.Events {
		made.Refused[fmt.Sprintf("event %d", len(made.Refused))] = event
	}
	generator, err := prom.NewConfigGenerator(quiet, server, prom.WithEndpointSliceSupport())
	if err != nil {
		return nil, err
	}
	text, err := generator.GenerateServerConfiguration(
		server, services.ValidResources(), pods.ValidResources(), probes.ValidResources(), configs.ValidResources(),
		store, nil, nil, nil, nil)
	if err != nil {
		return nil, err
	}
	made.Prometheus = string(text)

	picked, err := metav1.LabelSelectorAsSelector(chosen)
	if err != nil {
		return nil, err
	}
	for _, one := range objects["PrometheusRule"] {
		if !picked.Matches(labels.Set(one.GetLabels())) {
			continue
		}
		rule := one.(*monitoringv1.PrometheusRule)
		if errs := operator.ValidateRule(rule.Spec); len(errs) > 0 {
			made.Refused["PrometheusRule "+rule.Name] = errors.Join(errs...).Error()
			continue
		}
		content, err := yaml.Marshal(rule.Spec)
		if err != nil {
			return nil, err
		}
		made.Rules[rule.Name] = string(content)
	}
	return made, told(ctx, made, objects["AlertmanagerConfig"], strategy, store, picked)
}

// told adds the configuration of an Alertmanager below whose root route the selected objects are put.
func told(
	ctx context.Context, made *answer, objects []object, strategy string, store *assets.StoreBuilder, picked labels.Selector,
) error {
	quiet := slog.New(slog.NewTextHandler(io.Discard, nil))
	server := &monitoringv1.Alertmanager{ObjectMeta: metav1.ObjectMeta{Name: "server", Namespace: namespace}}
	server.Spec.AlertmanagerConfigMatcherStrategy.Type = monitoringv1.AlertmanagerConfigMatcherStrategyType(strategy)
	configs := map[string]*monitoringv1alpha1.AlertmanagerConfig{}
	for _, one := range objects {
		config := one.(*monitoringv1alpha1.AlertmanagerConfig)
		if err := validation.ValidateAlertmanagerConfig(config); err != nil {
			made.Refused["AlertmanagerConfig "+config.Name] = err.Error()
		} else if picked.Matches(labels.Set(config.Labels)) {
			configs[config.Namespace+"/"+config.Name] = config
		}
	}
	builder := alertmanager.NewConfigBuilder(quiet, semver.MustParse("0.28.1"), store, server)
	root := []byte("route: {receiver: 'null'}\nreceivers: [{name: 'null'}]\n")
	if err := builder.InitializeFromRawConfiguration(root); err != nil {
		return err
	}
	if err := builder.AddAlertmanagerConfigs(ctx, configs); err != nil {
		return err
	}
	text, err := builder.MarshalJSON()
	made.Alertmanager = string(text)
	return err
}

// listed plays the cache of an API server that has these objects.
func listed(objects []object) prom.ListAllByNamespaceFn {
	sort.Slice(objects, func(i, j int) bool { return objects[i].GetName() < objects[j].GetName() })
	return func(wanted string, selector labels.Selector, add cache.AppendFunc) error {
		for _, one := range objects {
			if one.GetNamespace() == wanted && selector.Matches(labels.Set(one.GetLabels())) {
				add(one)
			}
		}
		return nil
	}
}
