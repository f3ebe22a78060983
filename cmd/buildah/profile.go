package main

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/pprof"
)

// startProfile starts the profile that --cpu-profile asks for.
func (p *program) startProfile() error {
	if p.global.log.cpuProfile == "" {
		return nil
	}
	f, err := os.Create(p.global.log.cpuProfile)
	if err != nil {
		return fmt.Errorf("creating the CPU profile: %w", err)
	}
	// The file stays open until the process ends: pprof writes to it until it is stopped.
	if err := pprof.StartCPUProfile(f); err != nil {
		return fmt.Errorf("starting the CPU profile: %w", err)
	}
	return nil
}

// stopProfile ends the profiles and writes them.
func (p *program) stopProfile() error {
	pprof.StopCPUProfile()
	if p.global.log.memoryProfile == "" {
		return nil
	}
	f, err := os.Create(p.global.log.memoryProfile)
	if err != nil {
		return fmt.Errorf("creating the heap profile: %w", err)
	}
	runtime.GC()
	if err := errors.Join(pprof.Lookup("heap").WriteTo(f, 0), f.Close()); err != nil {
		return fmt.Errorf("writing the heap profile: %w", err)
	}
	return nil
}
