// Command generate writes the vectors of package vectors to a file.
package main

import (
	"bytes"
	"encoding/json"
	"log"
	"os"

	"github.com/sealwax/sealwax/internal/vectors"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) != 2 {
		log.Fatal("usage: generate FILE")
	}
	var b bytes.Buffer
	b.WriteString("[\n")
	for i, v := range vectors.Corpus() {
		if i > 0 {
			b.WriteString(",\n")
		}
		line, err := json.Marshal(v)
		if err != nil {
			log.Fatal(err)
		}
		b.Write(line)
	}
	b.WriteString("\n]\n")
	if err := os.WriteFile(os.Args[1], b.Bytes(), 0o644); err != nil {
		log.Fatal(err)
	}
}
