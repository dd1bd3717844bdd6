// Runs a project written for Cloudflare: examples/app-platform/worker.js.
//
//	app-platform <data-dir> [worker.js]
//
// Has an app generated and visits it twice. The app keeps counting when the program runs again.
package main

import (
	"context"
	"fmt"
	"log"
	"os"

	"facetbox"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) < 2 {
		log.Fatal("usage: app-platform <data-dir> [worker.js]")
	}
	worker := append(os.Args[2:], "examples/app-platform/worker.js")[0]
	if err := run(os.Args[1], worker); err != nil {
		log.Fatal(err)
	}
}

func run(data, worker string) error {
	source, err := os.ReadFile(worker)
	if err != nil {
		return err
	}
	box, err := facetbox.Open(data)
	if err != nil {
		return err
	}
	defer box.Close()
	platform, err := box.Deploy(context.Background(), "app-platform", facetbox.WorkerCode{
		MainModule: "worker.js",
		Modules:    map[string]facetbox.Module{"worker.js": facetbox.Source(string(source))},
	}, nil)
	if err != nil {
		return err
	}

	visits := 0
	for _, request := range []*facetbox.Request{
		{Method: "POST", URL: "http://platform/apps/my-app/prompt", Body: []byte("An app that counts my visits.")},
		{URL: "http://platform/apps/my-app/"},
		{URL: "http://platform/apps/my-app/"},
	} {
		response, err := platform.Fetch(context.Background(), request)
		if err != nil {
			return err
		}
		fmt.Print(response.Text())
		_, _ = fmt.Sscanf(response.Text(), "You've made %d requests.", &visits)
	}
	fmt.Printf("PROJECT host=Go visits=%d\n", visits)
	return nil
}
